using System.Globalization;
using System.Text;

namespace Dynamo.Pipeline.Tests;

/// <summary>A random format, random readings, and the file that a logger with this format would write.</summary>
internal sealed class AnyFormat
{
    private static readonly string[] s_local = [
        "dd/MM/yyyy HH:mm:ss", "d.M.yy H:mm:ss", "MM-dd-yyyy hh:mm:ss tt", "yyyyMMddHHmmss", "d MMM yyyy HH:mm:ss",
        "yyyy/MM/dd HH:mm:ss.fff"];

    private readonly Random _random;
    private readonly string _newline;
    private readonly char _separator;
    private readonly List<string[]> _lines = [];
    private readonly string _null;
    private readonly DateTime _start = new(2026, 5, 1, 0, 0, 0, DateTimeKind.Utc);

    public AnyFormat(int seed)
    {
        _random = new Random(seed);
        _newline = Pick("\n", "\r\n", "\r");
        _separator = Pick(',', ';', '\t', '|', ' ');
        _null = Pick("", "NaN", "-9999", "---", "null");
        if (_null.Length == 0 && _separator == ' ') _null = "-";
        Format = Make();
        Write();
    }

    public ReadingFormat Format { get; }

    public List<Reading> Readings { get; } = [];

    public long Skipped { get; private set; }

    public byte[] Bytes { get; private set; } = [];

    private string Logger { get; set; } = "";

    private ReadingFormat Make()
    {
        bool decimalComma = Chance(2);
        var layout = Pick(ReadingLayout.Long, ReadingLayout.WideByChannel, ReadingLayout.WideByLogger);
        bool header = Chance(5) || layout != ReadingLayout.Long;
        bool preamble = Chance(3);
        var text = new CsvText
        {
            Separator = _separator is ';' or '\t' && Chance(3) ? CsvText.Detected : _separator,
            Encoding = Pick("utf-8", "utf-16", "windows-1252", "latin1"),
            HasHeader = header,
            HasUnits = header && Chance(4),
            PreambleLines = preamble ? _random.Next(1, 4) : 0,
            Comment = Chance(4) ? '#' : null,
            Footer = Chance(4) ? "End of data" : null,
        };
        if (header && preamble && Chance(2)) text = text with { PreambleLines = 0, TableStart = "Stamp" };
        bool byPreamble = text.PreambleLines > 0 || text.TableStart is not null;
        ReadingFormat format = new()
        {
            Text = text,
            Layout = layout,
            DecimalSeparator = decimalComma ? ',' : '.',
            ThousandsSeparator = Chance(5) ? (decimalComma ? '.' : '\'') : null,
            NullTokens = Chance(2) ? [_null] : [],
            Timestamp = header ? FieldSource.Column("Stamp") : FieldSource.Column(1),
            Logger = layout != ReadingLayout.Long || Chance(3)
                ? byPreamble
                ? FieldSource.Preamble("Logger")
                : FieldSource.FileName
                : header
                ? FieldSource.Column("logger")
                : FieldSource.Column(2),
            Channel = layout == ReadingLayout.WideByLogger || Chance(4)
                ? FieldSource.Constant("flow")
                : header
                ? FieldSource.Column("channel")
                : FieldSource.Column(3),
            Value = header ? FieldSource.Column("value") : FieldSource.Column(4),
            Quality = Chance(5) ? new QualityColumn(header ? "quality" : "#5", ["good"]) : null,
            IgnoredColumns = layout != ReadingLayout.Long && Chance(3) ? ["remark"] : [],
        };
        return Time(format);
    }

    private ReadingFormat Time(ReadingFormat format)
    {
        string zone = Pick("UTC", "Europe/Brussels", "America/New_York", "Etc/GMT-1");
        bool canElapse = format.Logger.Kind == FieldSourceKind.Preamble;
        return _random.Next(canElapse ? 8 : 7) switch
        {
            0 => format,
            1 => format with { Zone = zone },
            2 => format with { TimestampFormats = [Pick("epoch", "epochMs", "epochUs")] },
            3 => format with { TimestampFormats = ["excel"], Zone = zone },
            4 when format.Text.HasHeader =>
                format with { TimestampFormats = ["dd/MM/yyyy HH:mm:ss"], TimeOfDay = FieldSource.Column("clock"), Zone = zone },
            5 => format with { TimestampFormats = ["d/M/yyyy H:mm:ss zzz"] },
            7 =>
                format with { Elapsed = new ElapsedTime(
                    Pick(ElapsedUnit.Seconds, ElapsedUnit.Minutes), FieldSource.Preamble("Start")), Zone = zone },
            _ => format with { TimestampFormats = ["iso", Pick(s_local)], Zone = zone },
        };
    }

    private void Write()
    {
        // Above the table, a name is one cell.
        Logger = Format.Logger.Kind == FieldSourceKind.FileName ? "L0042" : Name().Replace(_separator, '_').Replace('"', '_');
        string[] columns = Format.Layout == ReadingLayout.Long
            ? []
            : [.. Enumerable.Range(0, _random.Next(1, 5)).Select(_ => Name()).Distinct(StringComparer.OrdinalIgnoreCase)];
        var head = new List<string> { "Stamp" };
        if (Format.TimeOfDay is not null) head.Add("clock");
        if (Format.Layout == ReadingLayout.Long) head.AddRange(["logger", "channel", "value"]);
        if (Format.Quality is not null) head.Add("quality");
        if (Format.IgnoredColumns.Count > 0) head.Add("remark");
        head.AddRange(columns);
        if (Format.Text.HasHeader) _lines.Add([.. head]);
        if (Format.Text.HasUnits) _lines.Add([.. head.Select(_ => "l/s")]);
        for (int rows = _random.Next(0, 12); rows > 0; rows--) WriteRow(columns);
        Encode();
    }

    private void WriteRow(string[] columns)
    {
        DateTime at = _start.AddSeconds(_random.Next(0, 90 * 86400));
        var fields = new List<string>(Stamp(at));
        var values = new List<string>();
        bool good = Format.Quality is null || _random.Next(4) > 0;
        if (Format.Layout == ReadingLayout.Long)
        {
            string logger = Name(), channel = Name();
            fields.AddRange([logger, channel]);
            fields.Add(
                Value(at, Format.Logger.Kind == FieldSourceKind.Column ? logger : Logger,
                    Format.Channel.Kind == FieldSourceKind.Column ? channel : "flow",
                    good));
        }
        else
            values.AddRange(
                columns.Select(
                    name => Format.Layout == ReadingLayout.WideByChannel ? Value(at, Logger, name, good) : Value(at, name, "flow", good)));
        if (Format.Quality is not null) fields.Add(good ? "GOOD" : "bad");
        if (Format.IgnoredColumns.Count > 0) fields.Add("x");
        _lines.Add([.. fields, .. values]);
        BadRows += good ? 0 : 1;
    }

    /// <summary>Lines that the quality column rejects; in a long file, those without a value are skipped before.</summary>
    public int BadRows { get; private set; }

    private string[] Stamp(DateTime at)
    {
        DateTime local = Format.Zone is { } id ? TimeZoneInfo.ConvertTimeFromUtc(at, TimeZoneInfo.FindSystemTimeZoneById(id)) : at;
        if (Format.Elapsed is { } elapsed)
        {
            double seconds = (at - _start).TotalSeconds;
            return [Plain(elapsed.Unit == ElapsedUnit.Seconds ? seconds : seconds / 60)];
        }
        string format = Format.TimestampFormats.Count == 0 ? "iso" : Format.TimestampFormats[_random.Next(Format.TimestampFormats.Count)];
        long ticks = at.Ticks - DateTime.UnixEpoch.Ticks;
        return format switch
        {
            "iso" =>
                [Format.Zone is null || Chance(3) ? at.ToString("yyyy-MM-ddTHH:mm:ss'Z'", CultureInfo.InvariantCulture)
                    : local.ToString("yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture)],
            "epoch" => [(ticks / TimeSpan.TicksPerSecond).ToString(CultureInfo.InvariantCulture)],
            "epochMs" => [(ticks / TimeSpan.TicksPerMillisecond).ToString(CultureInfo.InvariantCulture)],
            "epochUs" => [(ticks / TimeSpan.TicksPerMicrosecond).ToString(CultureInfo.InvariantCulture)],
            "excel" => [Plain((local - new DateTime(1899, 12, 30)).TotalDays)],
            _ when Format.TimeOfDay is not null => local.ToString(format, CultureInfo.InvariantCulture).Split(' '),
            _ when TimestampFormat.HasOffset(format) =>
                [new DateTimeOffset(at).ToOffset(TimeSpan.FromMinutes(_random.Next(-20, 20) * 30))
                    .ToString(format, CultureInfo.InvariantCulture)],
            _ => [local.ToString(format, CultureInfo.InvariantCulture)],
        };
    }

    private string Value(DateTime at, string logger, string channel, bool good)
    {
        if (Format.NullTokens.Count > 0 && Chance(4))
        {
            if (good || Format.Layout == ReadingLayout.Long) Skipped++;
            NullsOfBadRows += good ? 0 : 1;
            return _null;
        }
        double value = _random.Next(3) switch
        {
            0 => _random.Next(-100_000, 100_000) / 1000.0,
            1 => _random.Next(),
            _ => (_random.NextDouble() - 0.5) * Math.Pow(10, _random.Next(-20, 20)),
        };
        if (Format.NullTokens.Contains("-9999") && value is -9999) value = 1;
        if (good) Readings.Add(new Reading(logger, channel, at, value));
        return Number(value);
    }

    public int NullsOfBadRows { get; private set; }

    private string Plain(double value) => value.ToString("F9", CultureInfo.InvariantCulture).Replace('.', Format.DecimalSeparator);

    private string Number(double value)
    {
        string text = value.ToString("R", CultureInfo.InvariantCulture);
        if (Format.ThousandsSeparator is { } thousands && text.TrimStart('-') is var digits && !text.Contains('E')
            && digits.Split('.') is var parts && parts[0].Length > 3)
        {
            string whole = parts[0];
            for (int i = whole.Length - 3; i > 0; i -= 3) whole = whole.Insert(i, "'");
            parts[0] = whole;
            text = (text[0] == '-' ? "-" : "") + string.Join('.', parts);
            return text.Replace('.', Format.DecimalSeparator).Replace('\'', thousands);
        }
        return text.Replace('.', Format.DecimalSeparator);
    }

    private void Encode()
    {
        var text = new StringBuilder();
        if (Format.Text.TableStart is not null || Format.Text.PreambleLines > 0)
        {
            var above = new List<string> { $"Logger: {Logger}", $"Start; {Start()}", "a \"stray; quote, and more" };
            int lines = Format.Text.TableStart is null ? Format.Text.PreambleLines : 3;
            if (lines < 3) above = lines == 2 ? above[..2] : [$"Logger: {Logger}"];
            // With one line only there is no place for the start.
            text.AppendJoin(_newline, above).Append(_newline);
        }
        foreach (string[] line in _lines)
        {
            if (Format.Text.Comment is { } comment && Chance(4)) text.Append(comment).Append(" a comment; with \" things").Append(_newline);
            string between = _separator == ' ' && Chance(3) ? "  " : _separator.ToString();
            text.AppendJoin(between, line.Select(Quoted)).Append(_newline);
            if (Chance(6)) text.Append(_newline);
        }
        if (Format.Text.Footer is not null) text.Append("End of data, 7 rows").Append(_newline).Append("\"more").Append(_newline);
        Encoding encoding = CodePagesEncodingProvider.Instance.GetEncoding(Format.Text.Encoding)
            ?? Encoding.GetEncoding(Format.Text.Encoding);
        Bytes = encoding is UTF8Encoding ? new UTF8Encoding(Chance(3)).GetBytes(text.ToString()) : encoding.GetBytes(text.ToString());
        if (encoding is UTF8Encoding && Chance(3)) Bytes = [0xEF, 0xBB, 0xBF, .. Bytes];
    }

    private string Start()
    {
        DateTime local = Format.Zone is { } id ? TimeZoneInfo.ConvertTimeFromUtc(_start, TimeZoneInfo.FindSystemTimeZoneById(id)) : _start;
        return local.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture) + (Format.Zone is null ? "Z" : "");
    }

    public bool IsPossible => Format.Elapsed is null || Format.Text.TableStart is not null || Format.Text.PreambleLines > 1;

    private string Quoted(string field)
    {
        bool must = field.Contains(_separator) || field.Contains('"') || field.Contains('#') || (field.Length == 0 && _separator == ' ');
        return must || Chance(6) ? '"' + field.Replace("\"", "\"\"", StringComparison.Ordinal) + '"' : field;
    }

    private string Name() =>
        Pick("p", "Q", "é", "x")
            + Pick("", "7", "-", "a b", "_", "é", _separator == '\t' ? "|" : _separator.ToString(), "\"")
            + _random.Next(1000).ToString(CultureInfo.InvariantCulture);

    private bool Chance(int of) => _random.Next(of) == 0;

    private T Pick<T>(params T[] from) => from[_random.Next(from.Length)];
}
