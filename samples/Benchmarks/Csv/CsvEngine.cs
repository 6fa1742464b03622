using System.Numerics;

namespace Dynamo.Pipeline.Benchmarks;

/// <summary>
/// A package that splits CSV into records and fields, driven as our reader drives it: the line where each record begins, blank lines
/// passed over, broken quotes refused and not repaired, a field count that must be that of the header, a limit for one record. What the
/// fields hold is not parsed: every engine hands out what it has, UTF-8 or UTF-16.
/// </summary>
internal abstract class CsvEngine(string name, char separator)
{
    /// <summary>The longest record in bytes or characters, as in the default of our format.</summary>
    protected const int LongestRecord = 1 << 20;

    protected const char Quote = '"';

    public string Name { get; } = name;

    protected char Separator { get; } = separator;

    /// <summary>Reads a small file that is in memory.</summary>
    public abstract CsvTally Read(byte[] utf8);

    /// <summary>Reads a large file with bounded memory.</summary>
    public abstract CsvTally Read(Stream utf8);

    /// <summary>The engines, ours first.</summary>
    public static CsvEngine[] All(char separator) =>
        [new CsvHelperEngine(separator), new SepEngine(separator), new SylvanEngine(separator)];

    /// <summary>Without the spaces and tabs around it.</summary>
    protected static ReadOnlySpan<T> Trim<T>(ReadOnlySpan<T> field) where T : unmanaged, IBinaryInteger<T>
    {
        int from = 0, to = field.Length;
        while (from < to && IsBlank(field[from])) from++;
        while (to > from && IsBlank(field[to - 1])) to--;
        return field[from..to];
    }

    /// <summary>Whether a field, without the spaces around it, is quoted to its end or not at all.</summary>
    protected static bool IsSound<T>(ReadOnlySpan<T> field) where T : unmanaged, IBinaryInteger<T>
    {
        T quote = T.CreateTruncating(Quote);
        if (field.IsEmpty || field[0] != quote) return true;
        field = field[1..];
        while (true)
        {
            int end = field.IndexOf(quote);
            if (end < 0) return false;
            if (end == field.Length - 1) return true;
            if (field[end + 1] != quote) return false;
            field = field[(end + 2)..];
        }
    }

    private static bool IsBlank<T>(T unit) where T : unmanaged, IBinaryInteger<T> =>
        unit == T.CreateTruncating(' ') || unit == T.CreateTruncating('\t');
}

/// <summary>What an engine found. Two engines that read the same file alike have the same tally.</summary>
internal record struct CsvTally
{
    private ulong _content;

    /// <summary>Records with as many fields as the header and sound quotes, the header among them.</summary>
    public long Records { get; private set; }

    /// <summary>Records with broken quotes or another number of fields.</summary>
    public long Refused { get; private set; }

    /// <summary>Their fields.</summary>
    public long Fields { get; private set; }

    /// <summary>The sum of the lines where records begin.</summary>
    public long Lines { get; private set; }

    public void Record(long line)
    {
        Records++;
        Lines += line;
    }

    public void Refuse(long line)
    {
        Refused++;
        Lines += line;
    }

    /// <summary>Looks at a field's length and ends, as cheaply as can be; parsing is not what is compared.</summary>
    public void Field<T>(ReadOnlySpan<T> field) where T : unmanaged, IBinaryInteger<T>
    {
        Fields++;
        ulong ends = field.IsEmpty ? 0 : ulong.CreateTruncating(field[0]) + (ulong.CreateTruncating(field[^1]) << 8);
        _content = (_content * 31) + ((ulong)field.Length << 32) + ends;
    }

    public void Add(CsvTally other)
    {
        Records += other.Records;
        Refused += other.Refused;
        Fields += other.Fields;
        Lines += other.Lines;
        _content = (_content * 31) + other._content;
    }
}
