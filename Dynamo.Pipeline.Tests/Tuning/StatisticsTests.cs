using Dynamo.Pipeline.Host;
using FsCheck;
using FsCheck.Fluent;

namespace Dynamo.Pipeline.Tests;

/// <summary>Known distributions in, known answers out.</summary>
internal sealed class StatisticsTests
{
    // Critical values of Student's t as every table has them (NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2).
    [TestCase(0.975, 1, 12.706)]
    [TestCase(0.95, 1, 6.314)]
    [TestCase(0.975, 4, 2.776)]
    [TestCase(0.995, 4, 4.604)]
    [TestCase(0.999, 10, 4.144)]
    [TestCase(0.90, 24, 1.318)]
    [TestCase(0.975, 24, 2.064)]
    [TestCase(0.975, 100, 1.984)]
    public void A_quantile_of_t_is_what_the_tables_say(double share, double degrees, double expected)
    {
        Assert.That(StudentT.Quantile(share, degrees), Is.EqualTo(expected).Within(0.0006));
        Assert.That(StudentT.Quantile(1 - share, degrees), Is.EqualTo(-expected).Within(0.0006));
    }

    [Test]
    public void With_one_and_two_degrees_t_has_closed_forms([Values(-30, -2.5, -0.1, 0, 0.3, 1, 7, 400)] double t)
    {
        Assert.That(StudentT.Cumulative(t, 1), Is.EqualTo(0.5 + (Math.Atan(t) / Math.PI)).Within(1e-10));
        Assert.That(StudentT.Cumulative(t, 2), Is.EqualTo(0.5 + (t / (2 * Math.Sqrt(2 + (t * t))))).Within(1e-10));
    }

    [Test]
    public void With_many_degrees_t_is_the_normal_distribution() =>
        Assert.That(StudentT.TwoSided(1.959963985, 1e6), Is.EqualTo(0.05).Within(1e-5));

    [Test]
    public void A_summary_is_what_one_computes_by_hand()
    {
        var summary = Summary.Of([9, 2, 5, 4, 12, 7]);

        Assert.That(summary, Is.EqualTo(new Summary(6, 6.5, 6, Math.Sqrt(13.1), 2, 12)));
        Assert.That(Summary.Of([3, 1, 2]).Median, Is.EqualTo(2));
        // 2.571 is t for 5 degrees.
        Assert.That(summary.Confidence95, Is.EqualTo(2.5706 * Math.Sqrt(13.1 / 6)).Within(0.001));
    }

    [Test]
    public void A_small_spread_of_large_numbers_is_not_lost() =>
        Assert.That(Summary.Of([1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16]).StandardDeviation, Is.EqualTo(Math.Sqrt(30)).Within(1e-6));

    [Test]
    public void Nothing_and_no_number_are_refused()
    {
        Assert.That(() => Summary.Of([]), Throws.ArgumentException);
        Assert.That(() => Summary.Of([1, double.NaN]), Throws.ArgumentException);
        Assert.That(Summary.Of([1]).StandardDeviation, Is.Zero);
        Assert.That(Summary.Of([1]).Confidence95, Is.NaN);
    }

    [Test]
    public void Welchs_test_finds_what_summing_up_the_density_finds()
    {
        // The same probability on another way, to the digits that its steps allow.
        double[] a = [27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4];
        double[] b = [27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 30.5, 25.2];

        Assert.That(
            Statistics.Welch(Summary.Of(a), Summary.Of(b)),
            Is.EqualTo(ByIntegration(a, b)).Within(2e-6).And.EqualTo(0.0073).Within(0.00005));
    }

    [Test]
    public void Two_series_from_the_same_distribution_are_told_apart_as_often_as_the_level_says([Values(5, 25)] int count)
    {
        var random = new Random(7);
        const int Times = 4_000;

        int told = Enumerable.Range(0, Times).Count(
            _ => Statistics.Welch(Summary.Of(Normal(random, count, 10, 1)), Summary.Of(Normal(random, count, 10, 1))) < 0.05);

        Assert.That(told / (double)Times, Is.InRange(0.035, 0.06));
    }

    [Test]
    public void Two_series_far_apart_are_told_apart_nearly_always()
    {
        var random = new Random(7);

        int told = Enumerable.Range(0, 1_000).Count(
            _ => Statistics.Welch(Summary.Of(Normal(random, 5, 10, 1)), Summary.Of(Normal(random, 5, 14, 3))) < 0.05);

        Assert.That(told, Is.InRange(500, 800), "the power that a simulation gives for these two");
        Assert.That(Statistics.Welch(Summary.Of([1, 1.1, 0.9]), Summary.Of([9, 9.1, 8.9])), Is.LessThan(1e-5));
    }

    [Test]
    public void Measurements_without_spread_are_equal_or_not()
    {
        Assert.That(Statistics.Welch(Summary.Of([2, 2]), Summary.Of([2, 2])), Is.EqualTo(1));
        Assert.That(Statistics.Welch(Summary.Of([2, 2]), Summary.Of([3, 3])), Is.Zero);
        Assert.That(Statistics.Welch(Summary.Of([2]), Summary.Of([3, 3])), Is.EqualTo(1), "one measurement proves nothing");
    }

    [Test]
    public void The_correction_is_the_published_one()
    {
        // The fifteen probabilities of the paper's own example: the first four are significant, the others are not.
        double[] published = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000];

        double[] corrected = Statistics.BenjaminiHochberg(published);

        Assert.That(corrected.Count(p => p <= 0.05), Is.EqualTo(4));
        Assert.That(Statistics.BenjaminiHochberg([0.01, 0.04, 0.03, 0.005]), Is.EqualTo(new[] { 0.02, 0.04, 0.04, 0.02 }).Within(1e-12));
    }

    [Test]
    public void Welchs_test_knows_no_order_no_unit_and_no_origin() => Check.QuickThrowOnFailure(Prop.ForAll(Series(), Series(), (a, b) =>
    {
        double p = Welch(a, b);
        return p is >= 0 and <= 1 && Math.Abs(p - Welch(b, a)) < 1e-9
            && Math.Abs(p - Welch(Times(a, 7), Times(b, 7))) < 1e-6 && Math.Abs(p - Welch(Plus(a, 3), Plus(b, 3))) < 1e-6;
    }));

    [Test]
    public void A_summary_lies_within_its_measurements() => Check.QuickThrowOnFailure(Prop.ForAll(Series(), values =>
    {
        var s = Summary.Of(values);
        const double Tiny = 1e-9;
        return s.Min <= s.Median
            && s.Median <= s.Max
            && s.Min - Tiny <= s.Mean
            && s.Mean <= s.Max + Tiny
            && s.StandardDeviation <= (s.Max - s.Min) + Tiny
            && s == Summary.Of(values.Reverse());
    }));

    [Test]
    public void The_correction_makes_nothing_smaller_and_keeps_the_order() => Check.QuickThrowOnFailure(Prop.ForAll(Series(), values =>
    {
        double[] raw = [.. values.Select(value => value / 1_000)], corrected = Statistics.BenjaminiHochberg(raw);
        const double Tiny = 1e-12;
        double[] inOrder = [.. corrected.Zip(raw).OrderBy(pair => pair.Second).Select(pair => pair.First)];
        return raw.Zip(corrected).All(pair => pair.Second >= pair.First - Tiny && pair.Second <= 1)
            && inOrder.Zip(inOrder.Skip(1)).All(pair => pair.First <= pair.Second + Tiny);
    }));

    [Test]
    public void A_quantile_undoes_the_distribution() => Check.QuickThrowOnFailure(Prop.ForAll(
        Gen.Choose(1, 999).ToArbitrary(), Gen.Choose(1, 400).ToArbitrary(),
        (thousandths, tenths) => Math.Abs(
            StudentT.Cumulative(
                StudentT.Quantile(thousandths / 1000.0, 0.5 + (tenths / 10.0)), 0.5 + (tenths / 10.0)) - (thousandths / 1000.0)) < 1e-8));

    private static Arbitrary<double[]> Series() =>
        Gen.Choose(2, 30).SelectMany(count => Gen.Choose(0, 1_000_000).Select(value => value / 1_000.0).ArrayOf(count)).ToArbitrary();

    private static double Welch(double[] a, double[] b) => Statistics.Welch(Summary.Of(a), Summary.Of(b));

    private static double[] Times(double[] values, double factor) => [.. values.Select(value => value * factor)];

    private static double[] Plus(double[] values, double more) => [.. values.Select(value => value + more)];

    private static double[] Normal(Random random, int count, double mean, double deviation) =>
        [.. Enumerable.Range(0, count)
            .Select(_ => mean
            + (deviation * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble())))];

    /// <summary>The same probability on another way: the density, summed up in small steps (its constant falls out).</summary>
    private static double ByIntegration(double[] a, double[] b)
    {
        double va = Variance(a) / a.Length, vb = Variance(b) / b.Length;
        double t = Math.Abs(a.Average() - b.Average()) / Math.Sqrt(va + vb);
        double degrees = (va + vb) * (va + vb) / ((va * va / (a.Length - 1)) + (vb * vb / (b.Length - 1)));
        double outside = 0, all = 0;
        const double Step = 1e-4;
        for (double x = Step / 2; x < 60; x += Step)
        {
            double density = Math.Pow(1 + (x * x / degrees), -(degrees + 1) / 2);
            all += density;
            if (x > t) outside += density;
        }
        return outside / all;
    }

    private static double Variance(double[] values) => values.Sum(value => Math.Pow(value - values.Average(), 2)) / (values.Length - 1);
}
