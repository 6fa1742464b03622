using System.Text.RegularExpressions;

namespace Dynamo.Pipeline.Host;

/// <summary>Decides which columns are loggers, channels and values, and what stands for "no value".</summary>
internal sealed partial class ColumnRoles(
    string[] names,
    string[][] columns,
    int[] time,
    NumberGuess numbers,
    IReadOnlyList<Sample> samples,
    TableGuess table,
    bool hasHeader,
    List<string> sure,
    List<string> decide)
{
    private const double Enough = 0.8;

    public ReadingFormat Assign(ReadingFormat format)
    {
        int[] open = [.. Enumerable.Range(0, columns.Length).Where(i => !time.Contains(i) && (!hasHeader || table.Rows[0][i].Length > 0))];
        int[] numeric = [.. open.Where(i => IsNumeric(columns[i]))];
        int[] text = [.. open.Except(numeric).Where(i => columns[i].Any(field => field.Length > 0))];
        int[] measured = [.. numeric.Where(i => !ColumnNames.IsId(names[i]))];
        int channel = ChannelColumn(text);
        int value = channel < 0 ? -1 : ValueColumn(measured.Length > 0 ? measured : numeric);
        if (channel >= 0 && value >= 0) format = Long(format, channel, value, [.. open.Where(i => i != channel && i != value)]);
        else if (!hasHeader && measured.Length == 1) format = Headerless(format, measured[0], [.. text, .. numeric.Except(measured)]);
        else format = Wide(format, measured.Length > 0 ? measured : numeric, open);
        return WithNulls(format, value >= 0 ? [value] : measured);
    }

    private bool IsNumeric(string[] column)
    {
        string[] filled = [.. column.Where(field => !NumberGuess.IsNullWord(field))];
        return filled.Length > 0 && filled.Count(numbers.IsNumber) >= Enough * filled.Length;
    }

    /// <summary>
    /// A column of texts has the channel if it is named like one, or if lines with the same timestamp have different texts in it.
    /// </summary>
    private int ChannelColumn(int[] text)
    {
        int[] candidates = [.. text.Where(i => ColumnNames.Logger(names[i]) < 0)];
        int[] named = [.. candidates.Where(i => ColumnNames.Channel(names[i]) >= 0).OrderBy(i => ColumnNames.Channel(names[i]))];
        return named.Length > 0 ? named[0] : candidates.Where(i => Distinct(i) > 1 && DiffersAtOneTime(i)).FirstOrDefault(-1);
    }

    private bool DiffersAtOneTime(int column) => columns[time[0]]
        .Zip(columns[column])
        .GroupBy(line => line.First)
        .Any(group => group.Select(line => line.Second).Distinct().Count() > 1);

    private int ValueColumn(int[] numeric)
    {
        IEnumerable<int> named = numeric.Where(i => ColumnNames.Value(names[i]) >= 0).OrderBy(i => ColumnNames.Value(names[i]));
        return named.Concat(numeric.Reverse()).FirstOrDefault(-1);
    }

    private ReadingFormat Long(ReadingFormat format, int channel, int value, int[] others)
    {
        sure.Add($"a line is a reading: the channel is in column '{names[channel]}', the value in '{names[value]}'");
        return format with
        {
            Layout = ReadingLayout.Long,
            Channel = FieldSource.Column(names[channel]),
            Value = FieldSource.Column(names[value]),
            Logger = Logger(others),
        };
    }

    private ReadingFormat Wide(ReadingFormat format, int[] measured, int[] open)
    {
        int[] others = [.. open.Except(measured)];
        FieldSource logger = Logger(others);
        bool IsLogger(string name) => logger.Kind == FieldSourceKind.Column && logger.Text == name;
        string[] left = [.. others.Select(i => names[i]).Where(name => !IsLogger(name))];
        // The logger's column is ignored as well: if the user chooses another column for the logger, this one must not become a channel.
        string[] ignored = left.Length == 0 ? [] : [.. others.Select(i => names[i])];
        string channels = string.Join(", ", measured.Select(i => $"'{names[i]}'"));
        sure.Add($"a line is a timestamp: {channels} {(measured.Length == 1 ? "is a channel" : "are channels")}");
        if (left.Length > 0)
            decide.Add($"not taken for measurements, so ignored: {string.Join(", ", left)}. "
                + "Remove those that are measured from \"ignoredColumns\".");
        if (measured.Length > 1 && measured.All(i => ColumnNames.Logger(names[i]) >= 0 || names[i].Any(char.IsAsciiDigit)))
            decide.Add("the columns are taken for channels. "
                + "If they are loggers, set \"shape\": \"wideByLogger\" and \"channel\": { \"constant\": \"flow\" }.");
        return format with { Layout = ReadingLayout.WideByChannel, Logger = logger, IgnoredColumns = ignored };
    }

    private ReadingFormat Headerless(ReadingFormat format, int value, int[] others)
    {
        FieldSource logger = Logger(others), channel = FieldSource.Constant("value");
        string[] files = [.. samples.Select(sample => Path.GetFileName(sample.Path)!)];
        if (logger == FieldSource.FileName && files.All(file => NameAndChannel().IsMatch(file)))
        {
            logger = channel = FieldSource.PathPattern(NamePattern);
            Match first = NameAndChannel().Match(files[0]);
            string found = $"logger '{first.Groups["logger"].Value}' and channel '{first.Groups["channel"].Value}'";
            decide.Add($"{found} are taken from the file's name. Set \"logger\" or \"channel\" to a constant if that is wrong.");
        }
        else
            decide.Add("nothing names the channel, so it is called 'value'. "
                + "Set \"channel\": { \"constant\": \"flow\" }, or whatever it is.");
        sure.Add($"a line is a reading: the value is in column {names[value]}");
        return format with { Layout = ReadingLayout.Long, Logger = logger, Channel = channel, Value = FieldSource.Column(names[value]) };
    }

    /// <summary>
    /// Where the logger's name is: in a line above the table with such a label, in a column named like one, or in the file's name.
    /// Of several columns, one whose text is also in the file's name is preferred.
    /// </summary>
    private FieldSource Logger(int[] others)
    {
        foreach (string line in table.Above)
        {
            Match label = LoggerLabel().Match(line.Trim(' ', '\t', '"', table.Comment ?? ' '));
            if (!label.Success) continue;
            sure.Add($"the logger is in the line '{label.Groups["label"].Value}' above the table");
            return FieldSource.Preamble(label.Groups["label"].Value);
        }
        string[] candidates = LoggerColumns(others);
        if (candidates.Length == 0)
        {
            if (hasHeader)
                decide.Add("nothing in the table names the logger, so it is the file's name. "
                    + "Set \"logger\" to a constant, or to a pattern on the path.");
            return FieldSource.FileName;
        }
        if (candidates.Length > 1)
            decide.Add($"the logger is taken from column '{candidates[0]}'; "
                + $"it might be {string.Join(" or ", candidates.Skip(1).Select(name => $"'{name}'"))} instead.");
        else
            sure.Add($"the logger is in column '{candidates[0]}'");
        return FieldSource.Column(candidates[0]);
    }

    /// <summary>The names of the columns that may have the logger's name, the best one first.</summary>
    private string[] LoggerColumns(int[] others)
    {
        string[] files = [.. samples.Select(sample => Path.GetFileNameWithoutExtension(sample.Path))];
        bool IsInFileName(string field) => files.Any(file => file.Contains(field, StringComparison.OrdinalIgnoreCase));
        return
        [
            .. others
                .Where(i => ColumnNames.Logger(names[i]) >= 0 && columns[i].All(field => field.Length > 0) && IsFew(i))
                .OrderByDescending(i => columns[i].Any(IsInFileName))
                .ThenBy(i => ColumnNames.Logger(names[i]))
                .Select(i => names[i]),
        ];
    }

    private ReadingFormat WithNulls(ReadingFormat format, int[] values)
    {
        string[] words = [.. values.SelectMany(i => columns[i]).Where(NumberGuess.IsNullWord).Distinct(StringComparer.OrdinalIgnoreCase)];
        string[] sentinels = [.. values.SelectMany(i => numbers.Sentinels(columns[i])).Distinct()];
        string written = string.Join(", ", words.Select(word => word.Length == 0 ? "an empty field" : $"'{word}'"));
        if (words.Length > 0) sure.Add($"'no value' is written as {written}: skipped and counted");
        if (sentinels.Length > 0)
            decide.Add($"{string.Join(", ", sentinels)} looks like 'no value' and is skipped. Remove it from \"nulls\" if it is measured.");
        return format with { NullTokens = [.. words, .. sentinels] };
    }

    private int Distinct(int column) => columns[column].Distinct().Count();

    /// <summary>Names repeat. A text that is new on every line is a number of the line.</summary>
    private bool IsFew(int column) => Distinct(column) * 2 <= columns[column].Length || columns[column].Length < 4;

    private const string NamePattern = @"(?<logger>[^/]+)[-_](?<channel>[^-_/]+)\.[^./]+$";

    [GeneratedRegex("^" + NamePattern, RegexOptions.CultureInvariant)]
    private static partial Regex NameAndChannel();

    [GeneratedRegex(
        @"^(?<label>(data)?(logger|station|site|device|serial|rtu|location)( ?(id|name|no\.?|nr\.?|number|serial))?)"
        + @" *[:=;,\t].*[A-Za-z0-9]",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex LoggerLabel();
}
