namespace Dynamo.Pipeline.Ledger;

/// <summary>
/// The order of files that bring the same key: by the time of their last change, then by their path. It is a fact of the files, so that no
/// batch, writer, run or machine changes which reading wins. The rest only decides between files that have both in common.
/// </summary>
internal readonly record struct FileOrder(DateTime ModifiedUtc, string Path, long Size, string Source) : IComparable<FileOrder>
{
    public static FileOrder Of(SourceFile file, string source) => new(file.ModifiedUtc, file.Path, file.Size, source);

    public int CompareTo(FileOrder other)
    {
        if (ModifiedUtc != other.ModifiedUtc) return ModifiedUtc.CompareTo(other.ModifiedUtc);
        if (string.CompareOrdinal(Path, other.Path) is var path and not 0) return path;
        return Size != other.Size ? Size.CompareTo(other.Size) : string.CompareOrdinal(Source, other.Source);
    }
}
