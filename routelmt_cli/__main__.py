"""``python -m routelmt_cli``: the same as the ``routelmt`` command."""

from routelmt_cli.cli.main import run

if __name__ == "__main__":
    run()
