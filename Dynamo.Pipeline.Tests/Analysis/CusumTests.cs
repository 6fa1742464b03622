using Dynamo.Pipeline.Analysis;

namespace Dynamo.Pipeline.Tests.Analysis;

[TestFixture]
internal sealed class CusumTests
{
    [Test]
    public void A_lasting_rise_is_summed_up_and_its_beginning_is_known()
    {
        var cusum = new Cusum(0.5, 96);
        foreach (double z in (double[])[-1, 0.2, -0.4, 2, 1.5, double.NaN, 2]) cusum.Add(z);
        Assert.Multiple(() =>
        {
            Assert.That(cusum.Sum, Is.EqualTo(4).Within(1e-9));
            Assert.That(cusum.Rise, Is.EqualTo(4), "the missing value is part of it");
        });
        cusum.Reset();
        Assert.That((cusum.Sum, cusum.Rise), Is.EqualTo((0.0, 0)));
    }

    [Test]
    public void Independent_normal_values_exceed_the_threshold_about_as_often_as_wanted([Values(0.5, 1.25)] double drift)
    {
        const double PerYear = 50;
        var random = new Random(7);
        var cusum = new Cusum(drift, 96);
        int alarms = 0, years = 20;
        for (int day = 0; day < 365 * years; day++)
        {
            for (int i = 0; i < 96; i++)
            {
                if (!(cusum.Add(Normal(random)) > cusum.Threshold(PerYear))) continue;
                alarms++;
                cusum.Reset();
            }
            cusum.EndDay(isQuiet: true);
        }
        Assert.That(alarms / (double)years, Is.InRange(PerYear / 3, PerYear * 1.3));
    }

    [Test]
    public void Values_that_go_together_raise_the_threshold_so_that_alarms_stay_rare()
    {
        var random = new Random(8);
        var cusum = new Cusum(1.25, 96);
        double now = 0, alarms = 0;
        for (int day = 0; day < 730; day++)
        {
            for (int i = 0; i < 96; i++)
            {
                now = 0.9 * now + Math.Sqrt(1 - 0.81) * Normal(random);
                if (!(cusum.Add(now) > cusum.Threshold(2)) || day < 90) continue;
                alarms++;
                cusum.Reset();
            }
            cusum.EndDay(isQuiet: true);
        }
        Assert.That(alarms, Is.LessThanOrEqualTo(12), "36 without the days' maxima");
    }

    [Test]
    public void A_day_that_is_known_later_teaches_then_and_one_with_a_leak_teaches_nothing()
    {
        var cusum = new Cusum(1, 4);
        double before = cusum.Threshold(1);
        foreach (bool? isQuiet in (bool?[])[null, false, null, true])
        {
            for (int i = 0; i < 4; i++) cusum.Add(20);
            cusum.Reset();
            cusum.EndDay(isQuiet);
            if (isQuiet is not true) Assert.That(cusum.Threshold(1), Is.EqualTo(before));
        }
        Assert.That(cusum.Threshold(1), Is.GreaterThanOrEqualTo(76));
    }

    internal static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
