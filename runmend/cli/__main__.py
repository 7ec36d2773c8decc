"""`python -m runmend.cli`: how `runmend dev` starts its processes."""

from runmend.cli.main import main

if __name__ == "__main__":
    main()
