using Dynamo.Pipeline.Files;
using Dynamo.Pipeline.Folder;
using Dynamo.Pipeline.Ledger;

namespace Dynamo.Pipeline;

/// <summary>
/// The quarantine of a <see cref="FolderSource"/>: lists its files and returns them to the source. A return is idempotent:
/// if it is killed at any instant, the next call finishes it. Do not use it while a run on the same source is active.
/// </summary>
public sealed class FolderQuarantine : IQuarantine
{
    private readonly FolderSource _source;

    /// <summary>The quarantine of a source.</summary>
    /// <param name="source">The source whose quarantine folder is used.</param>
    /// <exception cref="ArgumentNullException">There is no source.</exception>
    public FolderQuarantine(FolderSource source)
    {
        ArgumentNullException.ThrowIfNull(source);
        _source = source;
    }

    /// <summary>The full path of the quarantine folder. It exists once a file has been quarantined.</summary>
    public string Folder => _source.Place.Quarantine;

    /// <summary>
    /// Lists the quarantined files, ordered by location. Files of other sources that share the folder are listed as well.
    /// If the folder does not exist, the quarantine is empty.
    /// </summary>
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

    /// <summary>
    /// Returns a file to its source and deletes its reason file. The file is moved; if the source still has it unchanged,
    /// only the copy in the quarantine is deleted.
    /// </summary>
    /// <param name="file">A file from <see cref="List"/>.</param>
    /// <returns>Whether the file is back, and if not, why.</returns>
    /// <exception cref="ArgumentNullException">There is no file.</exception>
    /// <exception cref="ArgumentException">The file's path does not stay below the source's folder.</exception>
    /// <exception cref="SourceException">The source's folder is missing, or the disk refuses.</exception>
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

    /// <summary>Returns every file of this source.</summary>
    /// <returns>For each file, whether it is back, and if not, why.</returns>
    /// <exception cref="SourceException">The quarantine cannot be listed, or the disk refuses. The next call continues.</exception>
    public IReadOnlyList<QuarantineReturn> ReturnAll() => [.. List().Where(file => file.Source == _source.Name).Select(Return)];

    ValueTask<IReadOnlyList<QuarantinedFile>> IQuarantine.ListAsync(CancellationToken cancellationToken) => ValueTask.FromResult(List());

    ValueTask<QuarantineReturn> IQuarantine.ReturnAsync(QuarantinedFile file, CancellationToken cancellationToken) =>
        ValueTask.FromResult(Return(file));

    private string? BringBack(QuarantinedFile file)
    {
        string home = _source.Place.PathOf(file.File.Path);
        FileStat atHome = _source.Disk.Stat(home), here = _source.Disk.Stat(file.Location);
        if (atHome.Kind == FileKind.Missing && here.Kind != FileKind.Regular)
        {
            return $"it is neither in the quarantine nor in {_source.Place.Root}; "
                + $"delete {ReasonFile.For(file.Location)} if it is not needed";
        }
        if (atHome.Kind != FileKind.Missing && !atHome.Is(file.File))
            return $"another file of that name is in {_source.Place.Root}; import or move that one first";

        if (atHome.Kind == FileKind.Missing) FolderMove.Move(file.Location, home, here.ModifiedUtc);
        else if (here.Is(file.File)) File.Delete(file.Location);
        ReturnMarker(file.Location, home);
        // The reason goes last: while it is there, an interrupted return still shows in the list.
        File.Delete(ReasonFile.For(file.Location));
        return null;
    }

    private void ReturnMarker(string location, string home)
    {
        if (_source.Options.DoneMarker is not { } marker) return;
        string inbox = home + marker, moved = FileNames.Append(location, marker);
        if (File.Exists(moved)) FolderMove.Move(moved, inbox, File.GetLastWriteTimeUtc(moved));
        else if (!File.Exists(inbox)) File.WriteAllBytes(inbox, []);
        // Somebody may have repaired the file in the quarantine, and a marker older than its file does not count.
        if (File.GetLastWriteTimeUtc(inbox) < File.GetLastWriteTimeUtc(home))
            File.SetLastWriteTimeUtc(inbox, File.GetLastWriteTimeUtc(home));
    }

    private IEnumerable<QuarantinedFile> Read()
    {
        var explained = new HashSet<string>(StringComparer.Ordinal);
        var options = new EnumerationOptions
        {
            RecurseSubdirectories = true,
            AttributesToSkip = FileAttributes.ReparsePoint,
            IgnoreInaccessible = false,
        };
        foreach (string path in Directory.EnumerateFiles(Folder, "*" + ReasonFile.Ending, options))
        {
            if (ReasonFile.TryRead(path) is not { } reason) continue;
            string location = Path.Join(Path.GetDirectoryName(path), reason.FileName);
            if (!explained.Add(location)) continue;
            yield return new QuarantinedFile(reason.Source, reason.File, location)
            {
                QuarantinedUtc = reason.QuarantinedUtc,
                Defect = reason.Defect,
            };
        }
        foreach (string path in Directory.EnumerateFiles(Folder, "*", options))
        {
            if (!explained.Contains(path) && !IsOurs(path)) yield return Unexplained(path);
        }
    }

    /// <summary>Whether it is a reason file, a hidden file or a marker, and so no quarantined file.</summary>
    private bool IsOurs(string path) =>
        path.EndsWith(ReasonFile.Ending, StringComparison.Ordinal)
        || Path.GetFileName(path).StartsWith('.')
        || (_source.Options.DoneMarker is { } marker && path.EndsWith(marker, StringComparison.Ordinal));

    /// <summary>A file that lies in the quarantine without a reason.</summary>
    private QuarantinedFile Unexplained(string path)
    {
        FileStat stat = _source.Disk.Stat(path);
        string relative = Path.GetRelativePath(Folder, path).Replace(Path.DirectorySeparatorChar, '/');
        return new QuarantinedFile(_source.Name, new SourceFile(relative, stat.Size, stat.ModifiedUtc), path);
    }
}
