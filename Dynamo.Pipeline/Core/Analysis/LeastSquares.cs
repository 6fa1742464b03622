namespace Dynamo.Pipeline.Analysis;

/// <summary>Least squares of a few unknowns, by normal equations.</summary>
internal static class LeastSquares
{
    /// <summary>What is left of d, squared, after λ·s + a·shape with a ≥ 0, and a constant if wanted.</summary>
    public static double SumOfSquares(ReadOnlySpan<double> d, ReadOnlySpan<double> s, ReadOnlySpan<double> shape, bool withConstant)
    {
        Span<double> sums = stackalloc double[12], unknowns = stackalloc double[3], row = stackalloc double[3];
        int terms = withConstant ? 3 : 2;
        // The shape comes last, so that it can be left out.
        double Left(Span<double> sums, Span<double> unknowns, Span<double> row, ReadOnlySpan<double> d, ReadOnlySpan<double> s,
            ReadOnlySpan<double> shape, int terms)
        {
            sums.Clear();
            for (int i = 0; i < d.Length; i++)
            {
                Row(row, s[i], shape[i], withConstant);
                for (int a = 0; a < terms; a++)
                {
                    for (int b = 0; b < terms; b++) sums[a * terms + b] += row[a] * row[b];
                    sums[terms * terms + a] += row[a] * d[i];
                }
            }
            Solve(sums[..(terms * terms)], sums[(terms * terms)..(terms * terms + terms)], unknowns[..terms]);
            double left = 0;
            for (int i = 0; i < d.Length; i++)
            {
                Row(row, s[i], shape[i], withConstant);
                double e = d[i];
                for (int a = 0; a < terms; a++) e -= unknowns[a] * row[a];
                left += e * e;
            }
            return left;
        }
        double left = Left(sums, unknowns, row, d, s, shape, terms);
        return unknowns[terms - 1] >= 0 ? left : Left(sums, unknowns, row, d, s, shape, terms - 1);
    }

    private static void Row(Span<double> row, double s, double shape, bool withConstant)
    {
        row[0] = s;
        row[1] = withConstant ? 1 : shape;
        row[2] = shape;
    }

    /// <summary>Solves the normal equations; unknowns that nothing is known about are 0.</summary>
    /// <param name="squares">Row by row.</param>
    /// <param name="right">The right side.</param>
    /// <param name="unknowns">Gets the solution.</param>
    public static void Solve(ReadOnlySpan<double> squares, ReadOnlySpan<double> right, Span<double> unknowns)
    {
        int n = unknowns.Length;
        Span<double> m = stackalloc double[n * (n + 1)];
        for (int a = 0; a < n; a++)
        {
            for (int b = 0; b < n; b++) m[a * (n + 1) + b] = squares[a * n + b];
            m[a * (n + 1) + n] = right[a];
        }
        for (int a = 0; a < n; a++)
        {
            // No pivoting: the equations are symmetric and not negative. A term that the others already explain is left out.
            double pivot = m[a * (n + 1) + a];
            bool isExplained = !(pivot > 1e-10 * squares[a * n + a]);
            for (int b = 0; b <= n; b++) m[a * (n + 1) + b] = isExplained ? 0 : m[a * (n + 1) + b] / pivot;
            for (int other = 0; other < n && !isExplained; other++)
            {
                if (other == a) continue;
                double by = m[other * (n + 1) + a];
                for (int b = 0; b <= n; b++) m[other * (n + 1) + b] -= by * m[a * (n + 1) + b];
            }
        }
        for (int a = 0; a < n; a++) unknowns[a] = m[a * (n + 1) + n];
    }
}
