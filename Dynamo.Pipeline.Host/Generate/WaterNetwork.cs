namespace Dynamo.Pipeline.Host;

/// <summary>
/// What the loggers of an invented water network measure. A value is a pure function of seed, logger, channel and time, in thousandths.
/// No floating point is used, because sines differ in their last bit between machines.
/// </summary>
internal sealed class WaterNetwork(long seed)
{
    private const int SecondsPerDay = 86_400;

    /// <summary>
    /// Demand over the day in per mille of its mean, one number for each hour (UTC): low at night, high in the morning and evening.
    /// </summary>
    private static readonly int[] _demandOfHour =
    [
        350, 300, 280, 280, 320, 520, 950, 1450, 1500, 1300, 1150, 1100,
        1150, 1100, 1000, 980, 1050, 1250, 1500, 1550, 1350, 1050, 750, 500,
    ];

    /// <summary>Demand over the week in per mille, Sunday first.</summary>
    private static readonly int[] _demandOfWeekday = [1060, 1000, 990, 1000, 1010, 1020, 1080];

    /// <summary>The channels a logger may have. A combination that is listed twice is twice as frequent.</summary>
    private static readonly Channel[][] _channels =
    [
        [Channel.Flow],
        [Channel.Pressure],
        [Channel.Pressure],
        [Channel.Level],
        [Channel.Flow, Channel.Pressure],
        [Channel.Flow, Channel.Pressure],
        [Channel.Flow, Channel.Pressure],
        [Channel.Level, Channel.Temperature],
        [Channel.Flow, Channel.Pressure, Channel.Temperature],
        [Channel.Flow, Channel.Pressure, Channel.Level, Channel.Temperature],
    ];

    private readonly ulong _seed = (ulong)seed;

    /// <summary>The channels of a logger, always the same ones.</summary>
    public Channel[] Channels(int logger) => _channels[SplitMix.Hash(_seed, 1, (ulong)logger) % (ulong)_channels.Length];

    /// <summary>The value in thousandths of its unit at a time in seconds since 1970.</summary>
    public long Thousandths(int logger, Channel channel, long time)
    {
        ulong nature = SplitMix.Hash(_seed, 2 + (ulong)channel, (ulong)logger);
        ulong noise = SplitMix.Hash(nature, 1, (ulong)time);
        return channel switch
        {
            Channel.Flow => Flow(nature, noise, time),
            Channel.Pressure => Pressure(nature, noise, time),
            Channel.Level => Level(nature, noise, time),
            _ => Temperature(nature, noise, time),
        };
    }

    /// <summary>Litres per second, 2 to 40 on average.</summary>
    private static long Flow(ulong nature, ulong noise, long time) =>
        SplitMix.Between(nature, 2_000, 40_000) * Demand(time) / 1000 * SplitMix.Between(noise, 950, 1050) / 1000;

    /// <summary>Bar, 3 to 6. It falls when demand is high, at some loggers more than at others.</summary>
    private static long Pressure(ulong nature, ulong noise, long time) =>
        SplitMix.Between(nature, 4_000, 6_000) - SplitMix.Between(nature >> 32, 200, 500) * Demand(time) / 1000
        + SplitMix.Between(noise, -20, 20);

    /// <summary>Metres in a tank, which fills at night.</summary>
    private static long Level(ulong nature, ulong noise, long time) =>
        SplitMix.Between(nature, 2_000, 5_000) + SplitMix.Between(nature >> 32, 200, 800) * (1000 - Demand(time)) / 1000
        + SplitMix.Between(noise, -5, 5);

    /// <summary>Degrees Celsius: warmest at 15 h, half a degree above the mean.</summary>
    private static long Temperature(ulong nature, ulong noise, long time)
    {
        long fromWarmest = Math.Abs((time + SecondsPerDay - 3 * 3600) % SecondsPerDay - SecondsPerDay / 2);
        return SplitMix.Between(nature, 8_000, 14_000) + 500 - fromWarmest * 1000 / (SecondsPerDay / 2) + SplitMix.Between(noise, -50, 50);
    }

    private static long Demand(long time)
    {
        int second = (int)(time % SecondsPerDay), hour = second / 3600, past = second % 3600;
        long ofDay = (_demandOfHour[hour] * (3600L - past) + _demandOfHour[(hour + 1) % 24] * (long)past) / 3600;
        // 1970-01-01 was a Thursday.
        return ofDay * _demandOfWeekday[(time / SecondsPerDay + 4) % 7] / 1000;
    }
}

/// <summary>What a logger measures.</summary>
internal enum Channel
{
    Flow,
    Pressure,
    Level,
    Temperature,
}
