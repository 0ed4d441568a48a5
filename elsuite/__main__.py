"""`python -m elsuite` is the command line."""

from elsuite.cli import main

if __name__ == "__main__":
    main()
