"""One file per source: `parse(source, record) -> list[Outcome]`, pure, by the rules of the source itself."""
