"""A few sentences of our own in several languages, for whatever tells languages apart."""

from __future__ import annotations

from itertools import cycle, islice

TEXTS = {
    "es": (
        "La biblioteca del pueblo abre los lunes por la tarde.",
        "Mañana vamos a pintar la cocina de color verde.",
        "El tren de las ocho llegó con veinte minutos de retraso.",
        "Nadie sabe quién dejó las llaves encima de la mesa.",
        "Mi abuela hacía pan todos los domingos.",
        "Si llueve, nos quedaremos en casa a ver una película.",
        "Aceptar",
        "12 €",
    ),
    "ca": (
        "La biblioteca del poble obre els dilluns a la tarda.",
        "Demà pintarem la cuina de color verd.",
        "El tren de les vuit va arribar amb vint minuts de retard.",
        "Ningú no sap qui va deixar les claus damunt de la taula.",
    ),
    "de": (
        "Die Bücherei im Dorf öffnet montags am Nachmittag.",
        "Morgen streichen wir die Küche grün an.",
        "Der Zug um acht kam zwanzig Minuten zu spät.",
        "Niemand weiß, wer die Schlüssel auf dem Tisch liegen ließ.",
    ),
    "en": (
        "The village library opens on Monday afternoons.",
        "Tomorrow we are going to paint the kitchen green.",
        "The eight o'clock train was twenty minutes late.",
        "Nobody knows who left the keys on the table.",
    ),
    "pt": (
        "A biblioteca da aldeia abre às segundas à tarde.",
        "Amanhã vamos pintar a cozinha de verde.",
        "O comboio das oito chegou com vinte minutos de atraso.",
        "Ninguém sabe quem deixou as chaves em cima da mesa.",
    ),
    "nb": (
        "Biblioteket i bygda åpner mandag ettermiddag.",
        "I morgen skal vi male kjøkkenet grønt.",
        "Toget klokka åtte var tjue minutter forsinket.",
        "Ingen vet hvem som la igjen nøklene på bordet.",
    ),
    "ru": (
        "Сельская библиотека открывается в понедельник днём.",
        "Завтра мы покрасим кухню в зелёный цвет.",
        "Восьмичасовой поезд опоздал на двадцать минут.",
        "Никто не знает, кто оставил ключи на столе.",
    ),
    "uk": (
        "Сільська бібліотека відчиняється в понеділок удень.",
        "Завтра ми пофарбуємо кухню в зелений колір.",
        "Восьмигодинний потяг запізнився на двадцять хвилин.",
        "Ніхто не знає, хто залишив ключі на столі.",
    ),
    "zh": (
        "村里的图书馆星期一下午开门。",
        "明天我们要把厨房漆成绿色。",
        "八点的火车晚点了二十分钟。",
        "没有人知道是谁把钥匙留在桌上的。",
    ),
    "ja": (
        "村の図書館は月曜日の午後に開きます。",
        "明日は台所を緑色に塗るつもりです。",
        "八時の電車は二十分遅れました。",
        "だれが机の上に鍵を置いていったのか、だれも知りません。",
    ),
    "ar": (
        "تفتح مكتبة القرية أبوابها بعد ظهر يوم الاثنين.",
        "غدا سنطلي المطبخ باللون الأخضر.",
        "تأخر قطار الساعة الثامنة عشرين دقيقة.",
        "لا أحد يعرف من ترك المفاتيح على الطاولة.",
    ),
}


def texts(language, count):
    """Return so many segments, over and over the same."""
    return list(islice(cycle(TEXTS[language]), count))
