"""python -m tests.addresses [--write]: what each address does with each call, tried; --write puts it into the page."""

import sys

from tests.addresses.outcomes import ADDRESSES, BEGIN, CALLS_ASKED, END, PAGE, cell, checks_of, outcome, table


def main() -> None:
    cells = {
        (call, address): cell({check: outcome(check, address) for check in checks_of(call)})
        for call in CALLS_ASKED
        for address in ADDRESSES
    }
    made = table(cells)
    sys.stdout.write(f"{made}\n")
    if "--write" in sys.argv[1:]:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n\n{made}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
