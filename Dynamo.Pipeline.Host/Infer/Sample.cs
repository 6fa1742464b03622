using System.Text;
using System.Text.RegularExpressions;

namespace Dynamo.Pipeline.Host;

/// <summary>The beginning of a sample file as text.</summary>
/// <param name="Path">The file, with its full path.</param>
/// <param name="Encoding">The encoding to declare; <see langword="null"/>: none is needed (UTF-8, or a byte order mark).</param>
/// <param name="Lines">Its lines, without a last line that is cut off.</param>
/// <param name="IsWhole">Whether these are all lines of the file.</param>
internal sealed partial record Sample(string Path, string? Encoding, IReadOnlyList<string> Lines, bool IsWhole)
{
    /// <summary>The content that is in memory: all of it if <see cref="IsWhole"/>.</summary>
    public ReadOnlyMemory<byte> Bytes { get; private init; }

    /// <summary>The file as it was delivered: another one than <see cref="Path"/> if it is compressed.</summary>
    public string Delivered { get; private init; } = Path;

    /// <summary>The whole content, from memory or from the disk.</summary>
    public FileContent Open() => IsWhole || !File.Exists(Path) ? new FileContent(Bytes) : new FileContent(File.OpenRead(Path));

    /// <summary>The same sample without its last lines, to try many formats quickly.</summary>
    public Sample Beginning(int lines)
    {
        if (Lines.Count <= lines) return this;
        string text = string.Join('\n', Lines.Take(lines)) + "\n";
        byte[] bytes = [0xEF, 0xBB, 0xBF, .. System.Text.Encoding.UTF8.GetBytes(text)];
        return this with { Lines = [.. Lines.Take(lines)], Bytes = bytes, IsWhole = true };
    }

    /// <summary>How much of a file is looked at.</summary>
    public const int MostBytes = 4 << 20;

    private const int MostEntriesOfAKind = 5, MostEntries = 20;

    /// <summary>The samples in a file of this machine: one, or some entries of every kind in an archive.</summary>
    /// <exception cref="SourceException">The file cannot be read.</exception>
    /// <exception cref="BadFileException">The file is compressed and cannot be unpacked.</exception>
    public static async Task<IReadOnlyList<Sample>> ReadAsync(string path, CancellationToken cancellationToken)
    {
        string full = System.IO.Path.GetFullPath(path);
        try
        {
            await using FileStream file = File.OpenRead(full);
            if (Packed.Is(full))
            {
                using var content = new FileContent(file);
                return await UnpackedAsync(full, file.Length, content, cancellationToken);
            }
            byte[] bytes = new byte[(int)Math.Min(MostBytes, file.Length)];
            int length = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            return [Of(full, bytes.AsSpan(0, length), file.Length <= length)];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new SourceException($"The file {full} cannot be read: {error.Message}", error);
        }
    }

    /// <summary>The samples in a compressed file. Names that differ only in numbers are one kind.</summary>
    /// <exception cref="BadFileException">The file cannot be unpacked.</exception>
    public static async Task<IReadOnlyList<Sample>> UnpackedAsync(
        string path, long size, FileContent content, CancellationToken cancellationToken)
    {
        using IPackedTexts texts = Packed.Open(new SourceFile(path, size, DateTime.UnixEpoch), PipelineOptions.DefaultMaxUnpacked, null);
        var samples = new List<Sample>();
        var kinds = new Dictionary<string, int>();
        while (samples.Count < MostEntries && await texts.NextAsync(content, cancellationToken) is { } text)
        {
            await using Stream opened = text.Text;
            string kind = KindOf(text.File.Path);
            kinds[kind] = kinds.GetValueOrDefault(kind) + 1;
            if (kinds[kind] > MostEntriesOfAKind) continue;
            byte[] bytes = new byte[(int)Math.Min(MostBytes, text.Entry is null ? MostBytes : text.File.Size + 1)];
            int length = await opened.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellationToken);
            bool isWhole = length < bytes.Length;
            // What is cut off is a part of a line, and the rest cannot be read later.
            if (!isWhole) length = bytes.AsSpan(0, length).LastIndexOf((byte)'\n') + 1;
            samples.Add(Of(text.File.Path, bytes.AsSpan(0, length), isWhole) with { Delivered = path });
        }
        return samples;
    }

    /// <summary>What a name has in common with the others of its kind.</summary>
    public static string KindOf(string path) => $"{System.IO.Path.GetExtension(path)} "
        + Regex.Replace(System.IO.Path.GetFileName(path), "[0-9]+", "0");

    public static Sample Of(string path, ReadOnlySpan<byte> bytes, bool isWhole)
    {
        (string? name, Encoding encoding, int mark) = EncodingOf(bytes, isWhole);
        string text = encoding.GetString(bytes[mark..]);
        List<string> lines = [.. text.ReplaceLineEndings("\n").Split('\n')];
        if (lines.Count > 0 && (!isWhole || lines[^1].Length == 0)) lines.RemoveAt(lines.Count - 1);
        return new Sample(path, name, lines, isWhole) { Bytes = bytes.ToArray() };
    }

    private static (string? Name, Encoding Encoding, int Mark) EncodingOf(ReadOnlySpan<byte> bytes, bool isWhole)
    {
        if (bytes is [0xEF, 0xBB, 0xBF, ..]) return (null, System.Text.Encoding.UTF8, 3);
        if (bytes is [0xFF, 0xFE, ..]) return (null, System.Text.Encoding.Unicode, 2);
        if (bytes is [0xFE, 0xFF, ..]) return (null, System.Text.Encoding.BigEndianUnicode, 2);
        ReadOnlySpan<byte> head = bytes.Length > 1024 ? bytes[..1024] : bytes;
        if (IsZeroEverySecond(head, 1)) return ("utf-16", System.Text.Encoding.Unicode, 0);
        if (IsZeroEverySecond(head, 0)) return ("utf-16BE", System.Text.Encoding.BigEndianUnicode, 0);
        // If the sample is cut off, the last character may be cut as well.
        ReadOnlySpan<byte> checkedBytes = isWhole || bytes.Length < 4 ? bytes : bytes[..(bytes.LastIndexOf((byte)'\n') + 1)];
        if (System.Text.Unicode.Utf8.IsValid(checkedBytes)) return (null, System.Text.Encoding.UTF8, 0);
        return IsShiftJis(checkedBytes)
            ? ("shift_jis", CodePagesEncodingProvider.Instance.GetEncoding(932)!, 0)
            : ("windows-1252", CodePagesEncodingProvider.Instance.GetEncoding(1252)!, 0);
    }

    /// <summary>
    /// Whether bytes beyond ASCII are pairs as Japanese text has them. Most of its pairs begin with bytes that western text has only for
    /// quotes and dashes.
    /// </summary>
    private static bool IsShiftJis(ReadOnlySpan<byte> bytes)
    {
        int typical = 0, others = 0;
        for (int i = 0; i < bytes.Length; i++)
        {
            byte one = bytes[i];
            if (one < 0x80) continue;
            if (one is >= 0xA1 and <= 0xDF)
            {
                others++;
                continue;
            }
            bool isPair = one is (>= 0x81 and <= 0x9F) or (>= 0xE0 and <= 0xFC) && i + 1 < bytes.Length
                && bytes[i + 1] is (>= 0x40 and <= 0x7E) or (>= 0x80 and <= 0xFC);
            if (!isPair) return false;
            _ = one <= 0x9F ? typical++ : others++;
            i++;
        }
        return typical >= 3 && typical >= others;
    }

    /// <summary>
    /// Whether bytes that were taken for windows-1252 make no western text: letters that stand together by threes, or signs that no
    /// logger writes. A text in Greek, Cyrillic, Chinese looks so.
    /// </summary>
    public bool LooksForeign => Encoding == "windows-1252" && Lines.Any(line => ForeignText().IsMatch(line));

    /// <summary>The first line that makes no western text.</summary>
    public string Foreign => Lines.First(line => ForeignText().IsMatch(line));

    [GeneratedRegex("[\u00C0-\u00FF]{3}|[\u0081\u008D\u008F\u0090\u009D]|[¡-¯´-º¼-¿×÷]{2}"
        + "|[\u0080-\u009F\u0192\u02C6\u0160\u0161\u0152\u0153\u017D\u017E]{2}",
        RegexOptions.CultureInvariant)]
    private static partial Regex ForeignText();

    private static bool IsZeroEverySecond(ReadOnlySpan<byte> bytes, int from)
    {
        int zeros = 0, pairs = bytes.Length / 2;
        for (int i = from; i < pairs * 2; i += 2)
            if (bytes[i] == 0) zeros++;
        return pairs > 2 && zeros * 10 >= pairs * 8;
    }
}
