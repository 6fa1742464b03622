using System.Text.Json;

namespace Dynamo.Pipeline.Host;

/// <summary>
/// Writes a format as settings, without those that have their default. <see cref="FormatSettings"/> reads what is written here.
/// </summary>
internal static class FormatJson
{
    private static readonly ReadingFormat s_default = ReadingFormat.Default;

    /// <summary>The members of the object <c>format</c>, or of an element of <c>formats</c>.</summary>
    public static void WriteMembers(Utf8JsonWriter json, ReadingFormat format)
    {
        if (format.Layout != s_default.Layout) json.WriteString("shape", FormatWords.Of(format.Layout, FormatWords.Shapes));
        WriteText(json, format.Text);
        if (format.DecimalSeparator != s_default.DecimalSeparator)
            json.WriteString("decimal", FormatWords.Of(format.DecimalSeparator, FormatWords.Decimals));
        if (format.ThousandsSeparator is not null)
            json.WriteString("thousands", FormatWords.Of(format.ThousandsSeparator, FormatWords.Thousands));
        WriteList(json, "nulls", format.NullTokens);
        bool wide = format.Layout is ReadingLayout.WideByChannel or ReadingLayout.WideByTime;
        WriteSource(json, "logger", format.Logger, wide ? FieldSource.FileName : s_default.Logger);
        WriteSource(json, "channel", format.Channel, s_default.Channel);
        WriteSource(json, "timestamp", format.Timestamp, s_default.Timestamp);
        if (format.TimeOfDay is { } time) WriteSource(json, "timeOfDay", time, null);
        WriteTime(json, format);
        WriteSource(json, "value", format.Value, s_default.Value);
        WriteValues(json, format);
        WriteList(json, "ignoredColumns", format.IgnoredColumns);
        WriteChannels(json, format.Channels);
        if (format.Quality is { } quality) WriteQuality(json, quality);
    }

    private static void WriteText(Utf8JsonWriter json, CsvText text)
    {
        CsvText usual = CsvText.Default;
        if (text.Encoding != usual.Encoding) json.WriteString("encoding", text.Encoding);
        if (text.Separator != usual.Separator) json.WriteString("separator", FormatWords.Separator(text.Separator));
        if (text.Quote != usual.Quote) json.WriteString("quote", text.Quote.ToString());
        if (!text.HasHeader) json.WriteBoolean("header", false);
        if (text.HeaderLines != usual.HeaderLines) json.WriteNumber("headerLines", text.HeaderLines);
        if (text.HeaderSpans) json.WriteBoolean("headerSpans", true);
        if (text.HasUnits) json.WriteBoolean("unitsRow", true);
        if (text.PreambleLines != 0) json.WriteNumber("preambleLines", text.PreambleLines);
        if (text.TableStart is { } start) json.WriteString("tableStart", start);
        if (text.Comment is { } comment) json.WriteString("comment", comment.ToString());
        if (text.Footer is { } footer) json.WriteString("footer", footer);
        if (text.DataStart is { } dataStart) json.WriteString("dataStart", dataStart);
        if (text.LinesBelowHeader != 0) json.WriteNumber("linesBelowHeader", text.LinesBelowHeader);
        if (text.HasShortLines) json.WriteBoolean("shortLines", true);
        if (text.LongestLine != usual.LongestLine) json.WriteNumber("longestLine", text.LongestLine);
    }

    private static void WriteTime(Utf8JsonWriter json, ReadingFormat format)
    {
        WriteList(json, "timestampFormats", format.TimestampFormats);
        if (format.Zone is { } zone) json.WriteString("zone", zone);
        if (format.Offset is { } offset) WriteSource(json, "offset", offset, null);
        if (format.Hour24) json.WriteBoolean("hour24", true);
        if (format.RepeatsDate) json.WriteBoolean("repeatDate", true);
        if (format.Interval != IntervalTime.None) json.WriteString("interval", FormatWords.Of(format.Interval, FormatWords.Intervals));
        if (format.DayStep is { } step) json.WriteString("dayStep", $"{(int)step.TotalMinutes}min");
        if (format.Gap != s_default.Gap) json.WriteString("gap", FormatWords.Of(format.Gap, FormatWords.ClockChanges));
        if (format.Fold != s_default.Fold) json.WriteString("fold", FormatWords.Of(format.Fold, FormatWords.ClockChanges));
        if (format.Elapsed is not { } elapsed) return;
        json.WriteString("elapsed", FormatWords.Of(elapsed.Unit, FormatWords.ElapsedUnits));
        WriteSource(json, "elapsedStart", elapsed.Start, null);
    }

    private static void WriteValues(Utf8JsonWriter json, ReadingFormat format)
    {
        if (format.BeyondLimit != BeyondLimit.Reject)
            json.WriteString("beyondLimit", FormatWords.Of(format.BeyondLimit, FormatWords.BeyondLimits));
        if (format.ValuesHaveUnits) json.WriteBoolean("valuesHaveUnits", true);
        if (format.Words.Count == 0) return;
        json.WriteStartObject("words");
        foreach ((string word, double value) in format.Words) json.WriteNumber(word, value);
        json.WriteEndObject();
    }

    private static void WriteChannels(Utf8JsonWriter json, IReadOnlyDictionary<string, ChannelFormat> channels)
    {
        if (channels.Count == 0) return;
        json.WriteStartObject("channels");
        foreach ((string name, ChannelFormat channel) in channels)
        {
            json.WriteStartObject(name);
            if (channel.Name is not null) json.WriteString("name", channel.Name);
            if (channel.Scale != 1) json.WriteNumber("scale", channel.Scale);
            if (channel.Offset != 0) json.WriteNumber("offset", channel.Offset);
            if (channel.Unit is not null) json.WriteString("unit", channel.Unit);
            if (channel.ToUnit is not null) json.WriteString("to", channel.ToUnit);
            if (channel.Min is { } min) json.WriteNumber("min", min);
            if (channel.Max is { } max) json.WriteNumber("max", max);
            if (channel.Outside != DoubtfulReading.Reject)
                json.WriteString("outside", FormatWords.Of(channel.Outside, FormatWords.Doubtful));
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }

    private static void WriteQuality(Utf8JsonWriter json, QualityColumn quality)
    {
        json.WriteStartObject("quality");
        json.WriteString("column", quality.Column);
        WriteList(json, "accepted", quality.Accepted);
        if (quality.Otherwise != DoubtfulReading.Reject)
            json.WriteString("otherwise", FormatWords.Of(quality.Otherwise, FormatWords.Doubtful));
        json.WriteEndObject();
    }

    private static void WriteSource(Utf8JsonWriter json, string name, FieldSource source, FieldSource? usual)
    {
        if (source == usual) return;
        json.WriteStartObject(name);
        if (source.Kind == FieldSourceKind.FileName) json.WriteBoolean("fileName", true);
        else if (source.Kind == FieldSourceKind.Columns) JsonText.List(json, "columns", source.ColumnNames);
        else json.WriteString(char.ToLowerInvariant(source.Kind.ToString()[0]) + source.Kind.ToString()[1..], source.Text);
        json.WriteEndObject();
    }

    private static void WriteList(Utf8JsonWriter json, string name, IReadOnlyList<string> texts)
    {
        if (texts.Count > 0) JsonText.List(json, name, texts);
    }
}
