"""What the tests of faults have lived through, in one line a kind at the end of the session.

A test that passes counts through `record_property(name, number)`: the reports come back from the processes of
pytest-xdist, variables do not. A fault that was not survived is a test that failed.
"""

COUNTS = (
    "hostile inputs tried",
    "kills survived",
    "kills in the middle of a save survived",
    "signals obeyed",
    "full, read-only and removed folders survived",
    "damaged bytes and files found",
)


def pytest_terminal_summary(terminalreporter):
    """The sums over all tests."""
    reports = terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
    counted = [(dict(report.user_properties), report.failed) for report in reports if report.when == "call"]
    for name in COUNTS:
        total = sum(properties.get(name, 0) for properties, _ in counted)
        failed = sum(failed for properties, failed in counted if name in properties)
        if total:
            terminalreporter.write_line(f"faults: {total:,} {name}, {failed} tests of them failed")
