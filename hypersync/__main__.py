"""``python -m hypersync`` is ``hypersync``."""

from hypersync.cli import main

if __name__ == "__main__":
    main()
