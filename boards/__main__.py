"""`python -m boards`: write the generated files."""

from __future__ import annotations

from boards.generate import FOLDER, generated


def main() -> None:
    """Write every file anew."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in generated().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
