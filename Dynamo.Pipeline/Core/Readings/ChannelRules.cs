using System.Globalization;

namespace Dynamo.Pipeline.Readings;

/// <summary>
/// Treats the readings of one channel: their name, one multiplication and one addition, and the plausible range. Immutable.
/// </summary>
internal sealed class ChannelRule
{
    private readonly ChannelFormat _channel;
    private readonly double _factor, _offset, _min, _max;
    private readonly bool _isIdentity;

    private ChannelRule(string name, ChannelFormat channel, double factor, double offset)
    {
        (Name, _channel, _factor, _offset) = (name, channel, factor, offset);
        (_min, _max) = (channel.Min ?? double.NegativeInfinity, channel.Max ?? double.PositiveInfinity);
        _isIdentity = factor is 1 && offset is 0;
    }

    /// <summary>The channel's name in the database.</summary>
    public string Name { get; }

    /// <summary>Creates the rule of a channel.</summary>
    /// <param name="inFile">The channel's name in the file.</param>
    /// <param name="channel">The channel's settings.</param>
    /// <param name="unitInFile">The channel's unit in the line of units, or null.</param>
    /// <param name="names">The names of the format, so that equal names are one string.</param>
    /// <exception cref="ArgumentException">The unit in the file cannot be converted.</exception>
    public static ChannelRule Of(string inFile, ChannelFormat channel, string? unitInFile, CsvNames names)
    {
        double factor = channel.Scale, offset = channel.Offset;
        if (channel.ToUnit is { } to)
        {
            (double by, double plus) = UnitOfMeasure.Conversion(channel.Unit ?? unitInFile ?? "", to);
            (factor, offset) = (factor * by, (offset * by) + plus);
        }
        return new ChannelRule(channel.Name is { } name ? names.Intern(name, out _) ?? name : inFile, channel, factor, offset);
    }

    /// <summary>Converts a value and checks whether it is plausible.</summary>
    /// <returns>Whether to add the reading. If not, it has already been rejected or skipped.</returns>
    public bool Apply(in CsvRecord record, int column, ref double value, RowBatch<Reading> rows)
    {
        if (!_isIdentity) value = (value * _factor) + _offset;
        if (value >= _min && value <= _max && double.IsFinite(value)) return true;
        if (_channel.Outside == DoubtfulReading.Skip && double.IsFinite(value))
        {
            rows.Skip();
            return false;
        }
        bool finite = double.IsFinite(value);
        string problem = finite ? $"the value of {Name} is not plausible" : "the value is too large once it is converted";
        Defect defect = record.Defect(column, problem, finite ? Range() : null) with
        {
            Found = value.ToString("R", CultureInfo.InvariantCulture),
        };
        if (!finite || _channel.Outside == DoubtfulReading.Reject)
        {
            rows.Reject(defect);
            return false;
        }
        rows.Flag(defect);
        return true;
    }

    private string Range() => (_channel.Min, _channel.Max) switch
    {
        ({ } min, { } max) => string.Create(CultureInfo.InvariantCulture, $"{min:R} to {max:R}"),
        ({ } min, null) => string.Create(CultureInfo.InvariantCulture, $"at least {min:R}"),
        _ => string.Create(CultureInfo.InvariantCulture, $"at most {_max:R}"),
    };
}

/// <summary>The rules for the channels of one file. Each is created when its channel first appears. Used by one thread at a time.</summary>
internal sealed class ChannelRules(ReadingFormat format, CsvNames names)
{
    // A hostile file can have a million channels. Above this number, rules are not kept but created for each reading.
    private const int MostKept = 10_000;

    private readonly Dictionary<string, ChannelRule?> _rules = new(StringComparer.Ordinal);
    private string? _lastChannel;
    private ChannelRule? _last;

    /// <summary>Creates the rules of a file, or null if its format has no settings for channels.</summary>
    public static ChannelRules? Of(ReadingFormat format, CsvNames names) =>
        format.Channels.Count == 0 ? null : new ChannelRules(format, names);

    /// <summary>The rule for a channel, or null if the format has no settings for it.</summary>
    /// <param name="channel">The channel's name in the file.</param>
    /// <param name="unit">The channel's unit in the line of units, or null.</param>
    /// <param name="line">The line number of the header, for a message.</param>
    /// <exception cref="BadFileException">The unit in the file cannot be converted.</exception>
    /// <param name="column">The channel's 0-based column in a wide file, whose settings may be under its number; -1 for none.</param>
    public ChannelRule? For(string channel, string? unit, long line, int column = -1)
    {
        if (column >= 0 && format.Channels.GetValueOrDefault($"#{column + 1}") is { } own) return Make(channel, own, unit, line);
        if (ReferenceEquals(channel, _lastChannel)) return _last;
        if (!_rules.TryGetValue(channel, out ChannelRule? rule))
        {
            rule = format.ChannelOf(channel) is { } set ? Make(channel, set, unit, line) : null;
            if (_rules.Count < MostKept) _rules.Add(channel, rule);
        }
        (_lastChannel, _last) = (channel, rule);
        return rule;
    }

    private ChannelRule Make(string channel, ChannelFormat set, string? unit, long line)
    {
        try
        {
            return ChannelRule.Of(channel, set, unit, names);
        }
        catch (ArgumentException error)
        {
            throw new BadFileException(new Defect("the unit of a channel cannot be converted")
            {
                Line = line + 1,
                Column = channel,
                Found = unit,
                Expected = $"a unit that can be converted to {set.ToUnit}",
                Remedy = $"{error.Message} Set Unit for the channel in the format",
            }, error);
        }
    }
}
