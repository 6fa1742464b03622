using Dynamo.Pipeline.Files;
using Dynamo.Pipeline.Folder;
using Dynamo.Pipeline.Ledger;
using Microsoft.Win32.SafeHandles;

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
            return [.. Read().OrderBy(file => file.Location, StringComparer.Ordinal)];
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
        using var held = new HeldFolders(_source.Place, _source.Disk);
        if (PlaceOf(held, file.Location) is not { } from) return $"it is not in the quarantine, {Folder}";
        try
        {
            return BringBack(file, from.Folder, from.Name, held.MakeSource(FileNames.FolderOf(file.File.Path)));
        }
        catch (FolderReplacedException error)
        {
            return $"{error.Message}, and no file is put there; remove it";
        }
    }

    private string? BringBack(QuarantinedFile file, HeldFolder from, string quarantined, HeldFolder to)
    {
        string name = FileNames.NameOf(file.File.Path), reason = ReasonFile.For(quarantined);
        FileStat atHome = to.Stat(name), here = from.Stat(quarantined);
        if (atHome.Kind == FileKind.Missing && here.Kind is not (FileKind.Regular or FileKind.Link))
        {
            return $"it is neither in the quarantine nor in {_source.Place.Root}; "
                + $"delete {ReasonFile.For(file.Location)} if it is not needed";
        }
        if (atHome.Kind != FileKind.Missing && !atHome.Is(file.File)) return NameIsTaken;

        if (atHome.Kind != FileKind.Missing)
        {
            if (here.Is(file.File)) from.Delete(quarantined);
        }
        else if (!TryMove(from, quarantined, here, to, name)) return NameIsTaken;
        ReturnMarker(from, quarantined, to, name);
        // The reason goes last: while it is there, an interrupted return still shows in the list.
        from.Delete(reason);
        return null;
    }

    private string NameIsTaken => $"another file of that name is in {_source.Place.Root}; import or move that one first";

    private bool TryMove(HeldFolder from, string name, FileStat stat, HeldFolder to, string newName) =>
        FolderMove.TryMove(_source.Disk, from, name, stat, to, newName);

    private void ReturnMarker(HeldFolder from, string quarantined, HeldFolder to, string name)
    {
        if (_source.Options.DoneMarker is not { } ending) return;
        string marker = name + ending, moved = FileNames.Append(quarantined, ending);
        FileStat stat = from.Stat(moved);
        if (to.Stat(marker).Kind == FileKind.Missing && (stat.Kind != FileKind.Regular || !TryMove(from, moved, stat, to, marker)))
            to.CreateFile(marker, OwnFile.Shared).Dispose();
        // Somebody may have repaired the file in the quarantine, and a marker older than its file does not count.
        FileStat file = to.Stat(name);
        if (to.Stat(marker) is not { Kind: FileKind.Regular } there || there.ModifiedUtc >= file.ModifiedUtc) return;
        using SafeFileHandle opened = to.OpenFile(marker);
        File.SetLastWriteTimeUtc(opened, file.ModifiedUtc);
    }

    /// <summary>
    /// A folder of the quarantine and a name in it, from a full path. The path is not believed: it is followed step by step.
    /// </summary>
    private (HeldFolder Folder, string Name)? PlaceOf(HeldFolders held, string location)
    {
        string relative = Relative(location);
        if (!FileNames.IsBelow(relative) || held.ExistingQuarantine() is null) return null;
        return (held.Quarantine(FileNames.FolderOf(relative)), FileNames.NameOf(relative));
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
        using var held = new HeldFolders(_source.Place, _source.Disk);
        if (held.ExistingQuarantine() is null) yield break;
        foreach (string path in Directory.EnumerateFiles(Folder, "*" + ReasonFile.Ending, options))
        {
            if (PlaceOf(held, path) is not { } place) continue;
            if (FolderReasons.TryReadFile(_source.Disk, place.Folder, place.Name) is not { } reason) continue;
            string location = Path.Join(Path.GetDirectoryName(path), reason.FileName);
            if (!reason.BelongsTo(Relative(location)) || !explained.Add(location)) continue;
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

    private string Relative(string path) => Path.GetRelativePath(Folder, path).Replace(Path.DirectorySeparatorChar, '/');

    /// <summary>Whether it is a reason file, a hidden file or a marker, and so no quarantined file.</summary>
    private bool IsOurs(string path) =>
        path.EndsWith(ReasonFile.Ending, StringComparison.Ordinal)
        || Path.GetFileName(path).StartsWith('.')
        || (_source.Options.DoneMarker is { } marker && path.EndsWith(marker, StringComparison.Ordinal));

    /// <summary>A file that lies in the quarantine without a reason.</summary>
    private QuarantinedFile Unexplained(string path)
    {
        FileStat stat = _source.Disk.Stat(path);
        return new QuarantinedFile(_source.Name, new SourceFile(Relative(path), stat.Size, stat.ModifiedUtc), path);
    }
}
