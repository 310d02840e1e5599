"""The corruption coefficient as the paper writes it, in many digits with mpmath.

With n* = 1 and σ = 1, T is τ, c is κ and α² is α²/n*.
"""

import mpmath

DIGITS = 150
"""The equation cancels like y⁴, and y reaches 1e16."""


def paper_equation(alpha: float, total: float, n_star: float, cost: float, sigma: float) -> mpmath.mpf:
    """G(α) of equation (11) with 4α²/T in its second bracket; positive above the root, negative below."""
    a, t, n, c, s = (mpmath.mpf(x) for x in (alpha, total, n_star, cost, sigma))
    d = t - 2 * n
    first = 4 * a / mpmath.sqrt(t) * (4 * a**2 * t / (d * n) - 1 - c * 16 * a**2 * t * n / (s**2 * d))
    second = 4 * a**2 / t * (t / n + 1) - 1
    x = t / (8 * a**2)
    return first - mpmath.exp(x) * second * mpmath.sqrt(2 * mpmath.pi) * mpmath.erfc(mpmath.sqrt(x))


def equation(tau: float, kappa: float, value: float) -> mpmath.mpf:
    """The same in τ, κ and α²/n*."""
    return paper_equation(mpmath.sqrt(mpmath.mpf(value)), tau, 1, kappa, 1)


def brackets(tau: float, kappa: float, value: float, ulps: float, eps: float) -> bool:
    """Whether ``value``, give or take 4 eps, lies between the roots for κ(1 − ulps·eps) and κ(1 + ulps·eps)."""
    with mpmath.workdps(DIGITS):
        k, v, slack = mpmath.mpf(kappa), mpmath.mpf(value), 4 * mpmath.mpf(eps)
        below = equation(tau, k * (1 - ulps * mpmath.mpf(eps)), v * (1 + slack)) >= 0
        above = equation(tau, k * (1 + ulps * mpmath.mpf(eps)), v * (1 - slack)) <= 0
    return below and above


def exact_kappa(tau: float, value: float) -> mpmath.mpf:
    """The κ whose root is ``value``; the equation is linear in κ."""
    with mpmath.workdps(DIGITS):
        at_zero, at_one = equation(tau, 0, value), equation(tau, 1, value)
        return at_zero / (at_zero - at_one)


def root(tau: float, kappa: float, digits: int = 40) -> mpmath.mpf:
    """α²/n* by bisection in its logarithm and then the secant method."""
    with mpmath.workdps(DIGITS):

        def excess(log_value: mpmath.mpf) -> mpmath.mpf:
            return equation(tau, kappa, mpmath.exp(log_value))

        low, high = mpmath.mpf(-120), mpmath.mpf(120)
        while high - low > mpmath.mpf("1e-3"):
            middle = (low + high) / 2
            low, high = (low, middle) if excess(middle) > 0 else (middle, high)
        found = mpmath.findroot(excess, (low, high), solver="secant", tol=mpmath.mpf(10) ** (-4 * digits), verify=False)
        return mpmath.exp(found)


def derivative(tau: float, kappa: float, order: tuple[int, int]) -> mpmath.mpf:
    """∂^(i+j) root/∂τ^i ∂κ^j by differences in many digits."""
    with mpmath.workdps(DIGITS):
        scale = min(mpmath.mpf(kappa) - 1 / mpmath.mpf(tau) ** 2, mpmath.mpf(1) / 4 - kappa, mpmath.mpf(tau) - 2)
        h = scale * mpmath.mpf("1e-12")
        i, j = order
        total = mpmath.mpf(0)
        for a in range(i + 1):
            for b in range(j + 1):
                sign = (-1) ** (a + b) * mpmath.binomial(i, a) * mpmath.binomial(j, b)
                shift_tau, shift_kappa = (mpmath.mpf(i) / 2 - a) * h, (mpmath.mpf(j) / 2 - b) * h
                total += sign * root(mpmath.mpf(tau) + shift_tau, mpmath.mpf(kappa) + shift_kappa)
        return total / h ** (i + j)


def expected_penalty(
    n: float, n_star: float, total: float, alpha: float, cost: float, sigma: float, comparison: float
) -> mpmath.mpf:
    """E[1/((n + |Z|)/σ² + D/(σ² + α² x²))] + c n over x ~ N(0, σ²(1/n + 1/|Z|)), by quadrature."""
    with mpmath.workdps(30):
        n, z, a, s = (mpmath.mpf(x) for x in (n, comparison, alpha, sigma))
        d = mpmath.mpf(total) - n_star - z
        width = s * mpmath.sqrt(1 / n + 1 / z)

        def integrand(u: mpmath.mpf) -> mpmath.mpf:
            noise = a**2 * (width * u) ** 2
            return mpmath.npdf(u) / ((n + z) / s**2 + d / (s**2 + noise))

        # The integrand bends where the noise is about as large as the data's own.
        bend = min(mpmath.mpf(4), s / (a * width))
        risk = 2 * mpmath.quad(integrand, [0, bend / 8, bend, 8 * bend + 1, 8 * bend + 12])
        return risk + mpmath.mpf(cost) * n
