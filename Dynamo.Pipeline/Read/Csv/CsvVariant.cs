using CsvHelper;

namespace Dynamo.Pipeline;

/// <summary>A format's text with a separator that is known, and the engine's options for it.</summary>
internal sealed class CsvVariant
{
    public CsvVariant(CsvText text, char separator)
    {
        Text = text.Separator == separator ? text : text with { Separator = separator };
        Options = new CsvReaderOptions
        {
            Separator = separator,
            Quote = text.Quote,
            CommentPrefix = text.Comment,
            // The header is a record like any other: it is bound once for all files that have it.
            HasHeader = false,
            TrackLineNumbers = true,
            // Blank lines are passed over here, so that the longest line holds for them as well.
            SkipEmptyLines = false,
            TrimWhitespace = separator != ' ',
            // The limit itself is checked on whole records, in memory and streamed alike; this one keeps the stream's buffer small.
            MaxRecordSize = text.LongestLine + 16,
        };
    }

    public CsvText Text { get; }

    public CsvReaderOptions Options { get; }
}
