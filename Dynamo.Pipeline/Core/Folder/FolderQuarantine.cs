using Dynamo.Pipeline.Files;
using Dynamo.Pipeline.Folder;
using Dynamo.Pipeline.Ledger;

namespace Dynamo.Pipeline;

/// <summary>
/// The quarantine of a <see cref="FolderSource"/>: what is in it, and the way back. A return is idempotent: killed at any instant, it is finished
/// when it is asked for again. Not to be used while a run on the same source goes on.
/// </summary>
public sealed class FolderQuarantine : IQuarantine
{
    private readonly FolderSource _source;

    /// <summary>The quarantine of a source.</summary>
    /// <param name="source">The source.</param>
    public FolderQuarantine(FolderSource source)
    {
        ArgumentNullException.ThrowIfNull(source);
        _source = source;
    }

    /// <summary>The quarantine's full path. It exists once a file is quarantined.</summary>
    public string Folder => _source.Place.Quarantine;

    /// <summary>Lists the quarantined files, of other sources that share the folder too, ordered by location. A missing folder is an empty quarantine.</summary>
    /// <returns>The files.</returns>
    /// <exception cref="SourceException">The quarantine cannot be listed.</exception>
    public IReadOnlyList<QuarantinedFile> List()
    {
        try
        {
            return Directory.Exists(Folder) ? [.. Read().OrderBy(file => file.Location, StringComparer.Ordinal)] : [];
        }
        catch (Exception error) when (FolderFaults.IsDisk(error))
        {
            throw FolderFaults.Listing(Folder, error);
        }
    }

    /// <summary>Brings a file back to its source: moves it, or, where it is still there unchanged, removes the copy; and removes the reason.</summary>
    /// <param name="file">A file from <see cref="List"/>.</param>
    /// <returns>Whether it is back, and if not, why.</returns>
    /// <exception cref="SourceException">The disk refuses.</exception>
    public QuarantineReturn Return(QuarantinedFile file)
    {
        ArgumentNullException.ThrowIfNull(file);
        if (file.Source != _source.Name) return new QuarantineReturn(file, $"it belongs to another source, {file.Source}");
        FileNames.CheckBelow(file.File);
        _source.Place.CheckThere();
        try
        {
            return new QuarantineReturn(file, BringBack(file));
        }
        catch (Exception error) when (FolderFaults.IsDisk(error))
        {
            throw FolderFaults.Completing("brought back", file.Location, error);
        }
    }

    /// <summary>Brings back every file of this source.</summary>
    /// <returns>What became of each.</returns>
    /// <exception cref="SourceException">The quarantine cannot be listed, or the disk refuses; asked for again, it goes on.</exception>
    public IReadOnlyList<QuarantineReturn> ReturnAll() => [.. List().Where(file => file.Source == _source.Name).Select(Return)];

    ValueTask<IReadOnlyList<QuarantinedFile>> IQuarantine.ListAsync(CancellationToken cancellationToken) => ValueTask.FromResult(List());

    ValueTask<QuarantineReturn> IQuarantine.ReturnAsync(QuarantinedFile file, CancellationToken cancellationToken) => ValueTask.FromResult(Return(file));

    private string? BringBack(QuarantinedFile file)
    {
        string home = _source.Place.PathOf(file.File.Path);
        FileStat atHome = _source.Disk.Stat(home), here = _source.Disk.Stat(file.Location);
        if (atHome.Kind == FileKind.Missing && here.Kind != FileKind.Regular)
            return $"it is neither in the quarantine nor in {_source.Place.Root}; delete {ReasonFile.For(file.Location)} if it is not needed";
        if (atHome.Kind != FileKind.Missing && !atHome.Is(file.File))
            return $"another file of that name is in {_source.Place.Root}; import or move that one first";

        if (atHome.Kind == FileKind.Missing) FolderMove.Move(file.Location, home, here.ModifiedUtc);
        else if (here.Is(file.File)) File.Delete(file.Location);
        ReturnMarker(file.Location, home);
        // Last: as long as it is there, an interrupted return shows in the list.
        File.Delete(ReasonFile.For(file.Location));
        return null;
    }

    private void ReturnMarker(string location, string home)
    {
        if (_source.Options.DoneMarker is not { } marker) return;
        string inbox = home + marker, moved = FileNames.Append(location, marker);
        if (File.Exists(moved)) FolderMove.Move(moved, inbox, File.GetLastWriteTimeUtc(moved));
        else if (!File.Exists(inbox)) File.WriteAllBytes(inbox, []);
        // A marker older than its file does not count, and the file may have been mended in the quarantine.
        if (File.GetLastWriteTimeUtc(inbox) < File.GetLastWriteTimeUtc(home)) File.SetLastWriteTimeUtc(inbox, File.GetLastWriteTimeUtc(home));
    }

    private IEnumerable<QuarantinedFile> Read()
    {
        var explained = new HashSet<string>(StringComparer.Ordinal);
        var options = new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint, IgnoreInaccessible = false };
        foreach (string path in Directory.EnumerateFiles(Folder, "*" + ReasonFile.Ending, options))
        {
            if (ReasonFile.TryRead(path) is not { } reason) continue;
            string location = Path.Join(Path.GetDirectoryName(path), reason.FileName);
            if (explained.Add(location))
                yield return new QuarantinedFile(reason.Source, reason.File, location) { QuarantinedUtc = reason.QuarantinedUtc, Defect = reason.Defect };
        }
        foreach (string path in Directory.EnumerateFiles(Folder, "*", options))
        {
            if (!explained.Contains(path) && !IsOurs(path)) yield return Unexplained(path);
        }
    }

    private bool IsOurs(string path) => path.EndsWith(ReasonFile.Ending, StringComparison.Ordinal) || Path.GetFileName(path).StartsWith('.')
        || (_source.Options.DoneMarker is { } marker && path.EndsWith(marker, StringComparison.Ordinal));

    private QuarantinedFile Unexplained(string path)
    {
        FileStat stat = _source.Disk.Stat(path);
        string relative = Path.GetRelativePath(Folder, path).Replace(Path.DirectorySeparatorChar, '/');
        return new QuarantinedFile(_source.Name, new SourceFile(relative, stat.Size, stat.ModifiedUtc), path);
    }
}
