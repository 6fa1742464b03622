using Dynamo.Pipeline.Ledger;

namespace Dynamo.Pipeline.Sftp;

/// <summary>
/// The quarantine of an <see cref="SftpSource"/>, on its server. It uses the source's connection and lives no longer than it. A return is
/// idempotent: killed at any instant, it is finished when it is asked for again. Not to be used while a run on the same source goes on.
/// </summary>
public sealed class SftpQuarantine : IQuarantine
{
    private const int ReadAtOnce = 512;

    private readonly SftpSource _source;
    private readonly SftpPlace _place;
    private readonly SftpReturn _return;
    private readonly string? _marker;

    /// <summary>The quarantine of a source.</summary>
    /// <param name="source">The source.</param>
    public SftpQuarantine(SftpSource source)
    {
        ArgumentNullException.ThrowIfNull(source);
        _source = source;
        _place = source.Place;
        _return = new SftpReturn(source);
        _marker = source.Options.DoneMarker;
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<QuarantinedFile>> ListAsync(CancellationToken cancellationToken = default)
    {
        _source.Line.Begin();
        if (!await ExistsAsync(cancellationToken).ConfigureAwait(false)) return [];
        var files = new Dictionary<string, SourceFile>(StringComparer.Ordinal);
        await foreach (SourceFile file in Walk().ListAsync(cancellationToken).ConfigureAwait(false))
            if (file.DeferReason is null) files.Add(file.Path, file);

        var found = new Dictionary<string, QuarantinedFile>(StringComparer.Ordinal);
        foreach (SourceFile[] some in files.Values.Where(file => IsReason(file.Path)).Chunk(ReadAtOnce))
        {
            Task<QuarantinedFile?[]> explained = Task.WhenAll(some.Select(reason => ExplainedAsync(reason, cancellationToken)));
            foreach (QuarantinedFile? file in await explained.ConfigureAwait(false))
                if (file is not null) found.TryAdd(file.Location, file);
        }
        foreach (SourceFile file in files.Values.Where(file => !IsReason(file.Path) && !IsMarker(file.Path)))
            found.TryAdd(LocationOf(file.Path), new QuarantinedFile(_source.Name, file, LocationOf(file.Path)));
        return [.. found.Values.OrderBy(file => file.Location, StringComparer.Ordinal)];
    }

    /// <inheritdoc/>
    public async ValueTask<QuarantineReturn> ReturnAsync(QuarantinedFile file, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(file);
        if (file.Source != _source.Name) return new QuarantineReturn(file, $"it belongs to another source, {file.Source}");
        string home = _place.PathOf(file.File);
        string? problem = await _return.RunAsync(
            file.Location, session => BringBackAsync(session, file, home), cancellationToken).ConfigureAwait(false);
        return new QuarantineReturn(file, problem);
    }

    private async Task<string?> BringBackAsync(ISftpSession session, QuarantinedFile file, string home)
    {
        Task<SftpAttributes?> looks = session.StatAsync(_place.Encode(home)), there = session.StatAsync(_place.Encode(file.Location));
        SftpAttributes? atHome = await looks.ConfigureAwait(false), here = await there.ConfigureAwait(false);
        if (atHome is null && here is not { IsRegular: true })
            return $"it is neither in the quarantine nor in {_place.Root}; delete {ReasonOf(file)} if it is not needed";
        if (atHome is { } other && !other.Is(file.File))
            return _return.IsTaken;

        if (atHome is null) await _return.MoveAsync(session, file.Location, home).ConfigureAwait(false);
        else if (here is { } copy && copy.Is(file.File)) await _return.RemoveAsync(session, file.Location).ConfigureAwait(false);
        await _return.MarkAsync(session, file.Location, home).ConfigureAwait(false);
        // Last: as long as it is there, an interrupted return shows in the list.
        await _return.RemoveAsync(session, ReasonOf(file)).ConfigureAwait(false);
        return null;
    }

    private async Task<bool> ExistsAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            ISftpSession session = await _source.Line.GetAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                Task<SftpAttributes?> folder = session.StatAsync(_place.Encode(_place.Quarantine));
                return await folder.WaitAsync(cancellationToken).ConfigureAwait(false) is not null;
            }
            catch (SftpConnectionException)
            {
                // The line replaces the connection, or says why it cannot.
            }
            catch (SftpStatusException error)
            {
                throw SftpFaults.Listing(_source.Name, _place.Quarantine, error);
            }
        }
    }

    /// <summary>The quarantine listed as if it were a source; the folders below it are all its own.</summary>
    private SftpWalk Walk()
    {
        SftpSourceOptions options = _source.Options with
        {
            Path = _place.Quarantine,
            Pattern = "*",
            Recursive = true,
            DoneMarker = null,
            SettleTime = TimeSpan.Zero,
            ArchiveFolder = "/\x01",
            QuarantineFolder = "/\x02",
        };
        return new SftpWalk(new SftpPlace(options), _source.Line, options, _source.Clock, _source.Name);
    }

    private async Task<QuarantinedFile?> ExplainedAsync(SourceFile listed, CancellationToken cancellationToken)
    {
        // Anyone may have put it there; ours are far smaller.
        if (listed.Size > ReasonFile.LongestRead) return null;
        try
        {
            byte[] path = _place.Encode(LocationOf(listed.Path));
            using FileContent content = await _source.Opening.WholeAsync(listed, path, cancellationToken).ConfigureAwait(false);
            if (ReasonFile.TryParse(content.Bytes) is not { } reason) return null;
            string below = listed.Path[..(listed.Path.LastIndexOf('/') + 1)] + reason.FileName;
            if (!reason.BelongsTo(below)) return null;
            string location = LocationOf(below);
            return new QuarantinedFile(reason.Source, reason.File, location)
            {
                QuarantinedUtc = reason.QuarantinedUtc,
                Defect = reason.Defect,
            };
        }
        catch (Exception error) when (error is FileChangedException or BadFileException or UnreadableFileException)
        {
            return null;
        }
    }

    private string LocationOf(string below) => SftpPlace.Below(_place.Quarantine, below);

    private static string ReasonOf(QuarantinedFile file) => SftpPlace.Append(file.Location, ReasonFile.Ending);

    private static bool IsReason(string path) => path.EndsWith(ReasonFile.Ending, StringComparison.Ordinal);

    private bool IsMarker(string path) => _marker is not null && path.EndsWith(_marker, StringComparison.Ordinal);
}
