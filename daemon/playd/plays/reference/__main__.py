"""`python -m playd.plays.reference` prints the page."""

from playd.plays.reference.page import page_text

if __name__ == "__main__":
    print(page_text(), end="")
