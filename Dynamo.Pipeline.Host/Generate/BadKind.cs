namespace Dynamo.Pipeline.Host;

/// <summary>
/// The unusual and broken files that <see cref="GenerateOptions.Bad"/> mixes in, in this order again and again. Each says what an import
/// makes of it: the file is loaded, loaded with one row rejected, or quarantined with none of its rows loaded
/// (<see cref="BadKinds.Verdict"/>). Unless a kind says otherwise, the file holds the last four timestamps of its logger.
/// </summary>
internal enum BadKind
{
    /// <summary>A value is a word: <c>defect</c>. One row rejected.</summary>
    TextValue,

    /// <summary>The header names other columns: <c>Messstelle;Kanal;Zeit;Wert</c>. Quarantined.</summary>
    UnknownHeader,

    /// <summary>A quote opens before the last logger's name and never closes. Quarantined.</summary>
    UnclosedQuote,

    /// <summary>No bytes. Quarantined: what the logger wanted to send is missing.</summary>
    EmptyFile,

    /// <summary>The header and no rows: the logger had nothing to report. Loaded, with no rows.</summary>
    HeaderOnly,

    /// <summary>No column <c>value</c>. Quarantined.</summary>
    MissingColumn,

    /// <summary>Two columns <c>value</c>. Quarantined: nobody knows which one is meant.</summary>
    DoubledColumn,

    /// <summary>A row without its last field. One row rejected.</summary>
    TooFewFields,

    /// <summary>A row with a decimal comma, so it has one field too many. One row rejected.</summary>
    TooManyFields,

    /// <summary>A value is empty. One row rejected.</summary>
    EmptyValue,

    /// <summary>A value is <c>NaN</c>. One row rejected.</summary>
    NotANumber,

    /// <summary>A value is <c>-Infinity</c>. One row rejected.</summary>
    InfiniteValue,

    /// <summary>A value is <c>1e999</c>, beyond any double. One row rejected.</summary>
    OverflowingValue,

    /// <summary>A timestamp is a word: <c>yesterday</c>. One row rejected.</summary>
    TextTimestamp,

    /// <summary>A timestamp is the 30th of February. One row rejected.</summary>
    ImpossibleTimestamp,

    /// <summary>A timestamp lies, in UTC, before the year 1: <c>0001-01-01T00:00:00+14:00</c>. One row rejected.</summary>
    OutOfRangeTimestamp,

    /// <summary>A timestamp has neither <c>Z</c> nor an offset. One row rejected, because the default format declares no zone.</summary>
    NoOffset,

    /// <summary>A UTF-8 byte order mark before the header. Loaded.</summary>
    Utf8Mark,

    /// <summary>Lines end in CR LF. Loaded.</summary>
    CrLfLineEnds,

    /// <summary>Lines end in CR alone. Loaded.</summary>
    CrLineEnds,

    /// <summary>UTF-16, little-endian, with byte order mark. Loaded.</summary>
    Utf16LittleEndian,

    /// <summary>UTF-16, big-endian, with byte order mark. Loaded.</summary>
    Utf16BigEndian,

    /// <summary>A channel's name has bytes that are not UTF-8. One row rejected.</summary>
    InvalidUtf8,

    /// <summary>
    /// Everything after the first digit of the last value is NUL, as a file system may leave it after a power cut. One row rejected.
    /// </summary>
    NulBytes,

    /// <summary>The last line ends in the middle of its timestamp. One row rejected.</summary>
    LastLineCutOff,

    /// <summary>Compressed data instead of text. Quarantined.</summary>
    BinaryFile,

    /// <summary>A little over a mebibyte without a line end, header included. Quarantined.</summary>
    OneLongLine,

    /// <summary>A row is there twice. Loaded; the second row changes nothing.</summary>
    ReadingTwice,

    /// <summary>
    /// The same bytes as the good file of the step before (in the first step: of the step after).
    /// Loaded; changes nothing if that file is loaded.
    /// </summary>
    SameAsOtherFile,

    /// <summary>The columns in another order, with other columns between them. Loaded.</summary>
    OtherColumns,
}

/// <summary>What an import makes of each <see cref="BadKind"/>.</summary>
internal static class BadKinds
{
    /// <summary>All kinds, in the order they are mixed in.</summary>
    public static IReadOnlyList<BadKind> All { get; } = Enum.GetValues<BadKind>();

    /// <summary>The expected outcome with the default format and policies, and how many rows of a loaded file are rejected.</summary>
    public static (FileOutcome Outcome, int RejectedRows) Verdict(BadKind kind) => kind switch
    {
        BadKind.EmptyFile or BadKind.MissingColumn or BadKind.DoubledColumn or BadKind.UnknownHeader => (FileOutcome.Quarantined, 0),
        BadKind.UnclosedQuote or BadKind.BinaryFile or BadKind.OneLongLine => (FileOutcome.Quarantined, 0),
        BadKind.HeaderOnly or BadKind.ReadingTwice or BadKind.SameAsOtherFile or BadKind.OtherColumns => (FileOutcome.Loaded, 0),
        BadKind.Utf8Mark or BadKind.Utf16LittleEndian or BadKind.Utf16BigEndian => (FileOutcome.Loaded, 0),
        BadKind.CrLfLineEnds or BadKind.CrLineEnds => (FileOutcome.Loaded, 0),
        _ => (FileOutcome.Loaded, 1),
    };
}
