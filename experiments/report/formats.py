"""How numbers are written, on the page and in the terminal."""

from collections.abc import Callable

from experiments.report.fields import Estimate

Form = Callable[[float], str]
NOT_MEASURED = "not measured"
GIB = 2**30


def bits(value: float) -> str:
    """Bits, to a thousandth."""
    return _signed(f"{value:.3f}")


def hundredths(value: float) -> str:
    """A cosine, a coordinate."""
    return _signed(f"{value:.2f}")


def percent(value: float) -> str:
    """A share of one."""
    return _signed(f"{value:.2%}" if 0 < abs(value) < 0.00095 else f"{value:.1%}")


def count(value: float) -> str:
    """A whole number, in groups of three digits."""
    return _signed(f"{value:,.0f}")


def plain(value: float) -> str:
    """Up to three digits, as short as it can be; never an exponent below a million."""
    return _signed(f"{value:,.0f}" if 100 <= abs(value) < 1e6 else f"{value:.3g}")


def three(value: float) -> str:
    """Three digits, the last ones even if they are zero: the ends of an interval are then of one length."""
    if abs(value) < 0.001:
        return _signed(f"{value:.4f}".replace("-0.0000", "0.0000"))
    return count(value) if abs(value) >= 100 else _signed(f"{value:#.3g}")


def short(value: float) -> str:
    """A large number with its prefix: 12k, 3.4M."""
    for prefix, scale in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= 0.9995 * scale:
            return f"{_three_digits(value / scale)}{prefix}"
    return f"{value:.3g}"


def show_bytes(size: float) -> str:
    """A size with a binary unit."""
    for unit, scale in (("GiB", GIB), ("MiB", 2**20)):
        if size >= scale:
            return f"{_three_digits(size / scale)} {unit}"
    return f"{_three_digits(size / 2**10)} KiB"


def size(value: float) -> str:
    """Bytes with a decimal unit, so that round figures are round."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if value >= 0.9995 * scale:
            return f"{_three_digits(value / scale)} {unit}"
    return f"{_three_digits(value / 1e3)} kB" if value else "0"


def duration(seconds: float) -> str:
    """Seconds, minutes or hours."""
    if seconds < 600:
        return f"{seconds:.3g} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def show(form: Form, value: float | None) -> str:
    """A figure, or that there is none."""
    return NOT_MEASURED if value is None else form(value)


def show_estimate(form: Form, estimate: Estimate) -> str:
    """A figure with its interval, where it has one."""
    value, between = show(form, estimate.value), interval(form, estimate)
    return f"{value} {between}" if between else value


def interval(form: Form, estimate: Estimate) -> str:
    """`[low, high]`, or nothing where there is none: one seed leaves an interval without width."""
    value, low, high = estimate
    if value is None or low is None or high is None or low == high:
        return ""
    return f"[{form(low)}, {form(high)}]"


def on_axis(form: Form) -> Form:
    """How the form's figures are written at ticks: without zeros behind them."""
    shorter: dict[Form, Form] = {bits: _shortest, percent: _shortest_percent}
    return shorter.get(form, form)


def _shortest(value: float) -> str:
    return _signed(f"{value:g}")


def _shortest_percent(value: float) -> str:
    return _signed(f"{100 * value:g}%")


def _signed(text: str) -> str:
    """With a minus sign, not a hyphen."""
    return f"−{text[1:]}" if text.startswith("-") else text


def _three_digits(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
