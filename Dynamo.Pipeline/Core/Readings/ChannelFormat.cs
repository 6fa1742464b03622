namespace Dynamo.Pipeline;

/// <summary>
/// How to treat the readings of one channel. In this order, a value is scaled and offset, its unit is converted,
/// and the result is checked for plausibility. A wrong setting is refused when it is set. Immutable.
/// </summary>
public sealed record ChannelFormat
{
    /// <summary>The name of the channel in the database. Default <see langword="null"/>: the name in the file.</summary>
    /// <exception cref="ArgumentException">The value is empty.</exception>
    public string? Name
    {
        get;
        init => field = value is null || value.Trim().Length > 0
            ? value?.Trim()
            : throw new ArgumentException("Name: a channel's name is not empty.", nameof(Name));
    }

    /// <summary>The factor of the value. Default 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is zero or not a finite number.</exception>
    public double Scale
    {
        get;
        init => field = double.IsFinite(value) && value != 0
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Scale), value, "Scale is a finite number other than 0.");
    } = 1;

    /// <summary>A number that is added after <see cref="Scale"/>. Default 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not a finite number.</exception>
    public double Offset { get; init => field = Finite(value, nameof(Offset)); }

    /// <summary>
    /// The unit of the value after scale and offset, such as <c>l/s</c> or <c>bar</c>. The error for an unknown unit lists all units.
    /// Default <see langword="null"/>: the unit in the file's line of units, if it has one.
    /// </summary>
    /// <exception cref="ArgumentException">The unit is not known.</exception>
    public string? Unit { get; init => field = Known(value, nameof(Unit)); }

    /// <summary>The unit to convert to. Default <see langword="null"/>: no conversion.</summary>
    /// <exception cref="ArgumentException">The unit is not known.</exception>
    public string? ToUnit { get; init => field = Known(value, nameof(ToUnit)); }

    /// <summary>The smallest plausible value, in the unit that is loaded. Default <see langword="null"/>: no limit.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not a finite number.</exception>
    public double? Min { get; init => field = value is { } min ? Finite(min, nameof(Min)) : null; }

    /// <summary>The largest plausible value, in the unit that is loaded. Default <see langword="null"/>: no limit.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not a finite number.</exception>
    public double? Max { get; init => field = value is { } max ? Finite(max, nameof(Max)) : null; }

    /// <summary>
    /// What happens to a value below <see cref="Min"/> or above <see cref="Max"/>. Default <see cref="DoubtfulReading.Reject"/>.
    /// </summary>
    public DoubtfulReading Outside { get; init; }

    /// <summary>Refuses settings that exclude each other.</summary>
    /// <exception cref="ArgumentException">Two settings exclude each other.</exception>
    internal void Check(string channel, bool hasUnitsRow)
    {
        if (Min > Max) throw new ArgumentException($"Channels: '{channel}' has Min {Min} above Max {Max}.");
        if (ToUnit is not null && Unit is null && !hasUnitsRow)
        {
            throw new ArgumentException(
                $"Channels: '{channel}' has ToUnit '{ToUnit}' and no Unit to convert from, and the format has no units row.");
        }
        if (ToUnit is not null && Unit is not null) _ = UnitOfMeasure.Conversion(Unit, ToUnit);
    }

    private static double Finite(double value, string name) =>
        double.IsFinite(value) ? value : throw new ArgumentOutOfRangeException(name, value, $"{name} is a finite number.");

    private static string? Known(string? unit, string name) =>
        unit is null || UnitOfMeasure.IsKnown(unit)
            ? unit
            : throw new ArgumentException($"{name} '{unit}' is not known. Known are: {UnitOfMeasure.AllNames}.", name);
}
