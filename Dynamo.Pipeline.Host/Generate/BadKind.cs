namespace Dynamo.Pipeline.Host;

/// <summary>
/// The unusual and broken files that <see cref="GenerateOptions.Bad"/> mixes in, in this order again and again. Each says what is to
/// become of it: loaded whole, loaded with one row rejected, or quarantined with none of its rows loaded (<see cref="BadKinds.Verdict"/>).
/// Those that do not say otherwise hold the last four timestamps of their logger.
/// </summary>
public enum BadKind
{
    /// <summary>A value is a word: <c>defect</c>. One row rejected.</summary>
    TextValue,

    /// <summary>The header names other columns: <c>Messstelle;Kanal;Zeit;Wert</c>. Quarantined.</summary>
    UnknownHeader,

    /// <summary>A quote opens before the last logger's name and never closes. Quarantined.</summary>
    UnclosedQuote,

    /// <summary>No byte at all. Quarantined: what the logger meant to send is missing.</summary>
    EmptyFile,

    /// <summary>The header and no row: a logger with nothing to say. Loaded, with no rows.</summary>
    HeaderOnly,

    /// <summary>No column <c>value</c>. Quarantined.</summary>
    MissingColumn,

    /// <summary>Two columns <c>value</c>. Quarantined: nobody knows which one is meant.</summary>
    DoubledColumn,

    /// <summary>A row without its last field. One row rejected.</summary>
    TooFewFields,

    /// <summary>A row with a decimal comma, hence one field too many. One row rejected.</summary>
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

    /// <summary>A timestamp says neither <c>Z</c> nor an offset. One row rejected, as the default format declares no zone.</summary>
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

    /// <summary>A channel's name holds bytes that are no UTF-8. One row rejected.</summary>
    InvalidUtf8,

    /// <summary>After the first digit of the last value all is NUL, as a file system leaves it after a power cut. One row rejected.</summary>
    NulBytes,

    /// <summary>The last line ends in the middle of its timestamp. One row rejected.</summary>
    LastLineCutOff,

    /// <summary>Compressed data instead of text. Quarantined.</summary>
    BinaryFile,

    /// <summary>A little over a mebibyte without a line end, the header included. Quarantined.</summary>
    OneLongLine,

    /// <summary>A row stands there twice. Loaded; the second one changes nothing.</summary>
    ReadingTwice,

    /// <summary>
    /// The same bytes as the good file of the step before (the first step: of the one after). Loaded; changes nothing when that file is loaded.
    /// </summary>
    SameAsOtherFile,

    /// <summary>The columns in another order, with others among them. Loaded.</summary>
    OtherColumns,
}
