using System.CommandLine;
using System.Text.Json;
using Dynamo.Pipeline.Ledger;

namespace Dynamo.Pipeline.Host;

/// <summary><c>dynamo undo</c>: takes back what files brought, and imports again what they had replaced.</summary>
internal sealed class UndoCommand : Command, ISettingsCommand, IExamples
{
    private const int Listed = 20;

    private readonly Argument<string[]> _files = new("FILE")
    {
        Description = "Imported files, by path or name. All versions of a file are taken back.",
        Arity = ArgumentArity.ZeroOrMore,
    };
    private readonly Option<string?> _run = ValueOption.Named("--run", "N", "What this run imported; dynamo status shows the runs.");
    private readonly Option<string?> _since = ValueOption.Named(
        "--since", "TIME", "What was imported since this time, such as 2026-01-31T12:00Z, or that long ago, such as 3d.");
    private readonly Option<bool> _reimport = new("--reimport")
    {
        Description = "Import the files again with the settings as they are now, and what they had replaced.",
    };
    private readonly Option<bool> _restore = new("--restore") { Description = "Import again what they had replaced, but not the files." };
    private readonly Option<bool> _dryRun = new("--dry-run") { Description = "Show what would be taken back; change nothing." };
    private readonly Option<bool> _json = new("--json") { Description = "One JSON object on stdout." };

    public UndoCommand(CommandContext context)
        : base("undo", "Takes back what files brought: their readings, ledger entries and rejects, in one transaction.")
    {
        Arguments.Add(_files);
        Settings = new SettingOptions(this);
        foreach (Option option in (Option[])[_run, _since, _reimport, _restore, _dryRun, _json]) Options.Add(option);
        SetAction((parsed, _) => UndoAsync(parsed, context));
    }

    public SettingOptions Settings { get; }

    public string Examples => """
        Examples:
          dynamo undo L00007_20260131T120000.csv --config dynamo.json --dry-run
          dynamo undo L00007_20260131T120000.csv --config dynamo.json --restore     it never came, and what it replaced is back
          dynamo undo --run 17 --config dynamo.json
          dynamo undo --since 3d --reimport --config dynamo.json     after a wrong zone or unit was corrected in dynamo.json
        """;

    private async Task<int> UndoAsync(ParseResult parsed, CommandContext context)
    {
        HostSettings settings = Settings.Read(parsed).WithSource();
        bool dryRun = parsed.GetValue(_dryRun), json = parsed.GetValue(_json);
        bool again = parsed.GetValue(_reimport), restore = parsed.GetValue(_restore);
        await using IFileSource source = Composition.Source(settings);
        if (again && restore)
            throw new SettingsException("--restore", "leaves out the files that --reimport imports; give one of the two.");
        bool reimport = again || restore;
        UndoneFiles chosen = Chosen(parsed, source.Name);
        RowMap<Reading> table = Composition.Table(settings);
        ILineage ledger = Composition.Lineage(settings);
        IStore store = Composition.Store(settings);
        Undone undone;
        IReadOnlyList<Returned> returned = [];
        // Whoever only asks holds nobody up.
        await using Turn? turn = dryRun ? null : await Turns.TakeAsync(
            store, source.Name, settings.Pipeline.StopDeadline, context.Error, context.Stopping);
        undone = await ledger.PlanUndoAsync(table, chosen, context.Stopping);
        if (!json) Write(context.Out, undone, dryRun, reimport);
        if (!dryRun && undone.Files.Count > 0)
        {
            IEnumerable<DeliveredFile> imported = again ? undone.Files.Concat(undone.Others) : restore ? undone.Others : [];
            (undone, returned) = await Returning.UndoAsync(
                ledger, table, chosen, imported, Composition.BringBack(source), context.Stopping);
        }
        if (turn is not null) await turn.FreeAsync();
        PipelineResult? result = returned.Any(file => file.Obstacle is null)
            ? await RunCommand.ImportAsync(settings, store, dryRun: false, shown: null, context)
            : null;
        if (json) context.Out.WriteLine(JsonText.Of(output => WriteJson(output, undone, dryRun, returned, result)));
        else if (!dryRun && undone.Files.Count > 0)
            Write(context.Out, returned, result, mayComeAgain: !again && settings.Folder.AfterCommit == AfterCommit.Keep);
        // A file that was named and is not there: somebody should look at the name.
        bool isNamed = undone.Files.Count > 0 || chosen.Paths is null;
        bool isWell = isNamed && returned.All(file => file.Obstacle is null)
            && undone.Unrecorded.Count == 0 && (result is null || RunReport.Code(result) == ExitCode.Ok);
        return (int)(isWell ? ExitCode.Ok : ExitCode.DoneWithBadData);
    }

    private UndoneFiles Chosen(ParseResult parsed, string source)
    {
        string[] files = parsed.GetValue(_files) ?? [];
        string? since = parsed.GetValue(_since);
        long run = ValueOption.Count(parsed, _run, 0L);
        if (files.Length == 0 && run == 0 && since is null)
            throw new SettingsException("undo", "nothing says what to take back. Name files, or add --run N or --since TIME.");
        return new UndoneFiles(source)
        {
            Paths = files.Length == 0 ? null : files,
            RunId = run == 0 ? null : run,
            SinceUtc = since is null ? null : Moments.Since("--since", since, DateTime.UtcNow),
        };
    }

    private static void Write(TextWriter to, Undone undone, bool dryRun, bool reimport)
    {
        if (undone.Unrecorded.Count > 0)
        {
            to.WriteLine($"{Shown.Count(undone.Unrecorded.Count, "file")} that a version imported which did not record whose readings they "
                + "replaced cannot be taken back and stay. To repair what they brought, deliver the files again, corrected and with a new "
                + "time of last change: the newer file wins.");
            Write(to, undone.Unrecorded);
        }
        if (undone.Files.Count == 0)
        {
            if (undone.Unrecorded.Count == 0) to.WriteLine("Nothing that was imported from this source is meant.");
            return;
        }
        string would = dryRun ? "Would take back" : "Takes back";
        to.WriteLine($"{would} {Shown.Count(undone.Files.Count, "file")} with {Shown.Count(undone.Rows, "reading")} in the table and "
            + $"{Shown.Count(undone.Rejects, "reject")}:");
        Write(to, undone.Files);
        if (undone.Others.Count == 0) return;
        to.WriteLine(reimport
            ? $"They had replaced readings of {Shown.Count(undone.Others.Count, "file")}, imported again as well:"
            : $"They had replaced readings of {Shown.Count(undone.Others.Count, "file")}. Those readings are gone until the files are "
                + "imported again (--reimport, or --restore without the files themselves):");
        Write(to, undone.Others);
    }

    private static void Write(TextWriter to, IReadOnlyList<DeliveredFile> files)
    {
        foreach (DeliveredFile file in files.Take(Listed))
            to.WriteLine($"  {Shown.Name(file.File.Path)}  imported {Shown.Utc(file.ImportedUtc)} by run {file.RunId}");
        if (files.Count > Listed) to.WriteLine($"  … {Shown.Count(files.Count - Listed)} more");
    }

    private static void Write(TextWriter to, IReadOnlyList<Returned> returned, PipelineResult? imported, bool mayComeAgain)
    {
        to.WriteLine("Done.");
        Returned[] stuck = [.. returned.Where(file => file.Obstacle is not null)];
        if (stuck.Length > 0) to.WriteLine($"{Shown.Count(stuck.Length, "file")} could not be imported again:");
        foreach (Returned file in stuck.Take(Listed)) to.WriteLine($"  {Shown.Name(file.File.File.Path)}: {file.Obstacle}");
        if (stuck.Length > Listed) to.WriteLine($"  … {Shown.Count(stuck.Length - Listed)} more");
        if (imported is not null) to.WriteLine($"Imported again: {imported.Books}");
        if (mayComeAgain) to.WriteLine("What is still at the source is imported again by the next run, unless it is moved away.");
    }

    private static void WriteJson(
        Utf8JsonWriter json, Undone undone, bool dryRun, IReadOnlyList<Returned> returned, PipelineResult? imported)
    {
        json.WriteBoolean("dryRun", dryRun);
        json.WriteNumber("readings", undone.Rows);
        json.WriteNumber("rejects", undone.Rejects);
        foreach ((string name, IReadOnlyList<DeliveredFile> files) in ((string, IReadOnlyList<DeliveredFile>)[])
            [("files", undone.Files), ("replaced", undone.Others), ("unrecorded", undone.Unrecorded)])
        {
            json.WriteStartArray(name);
            foreach (DeliveredFile file in files) json.WriteStringValue(file.File.Path);
            json.WriteEndArray();
        }
        json.WriteStartArray("notImportedAgain");
        foreach (Returned file in returned.Where(file => file.Obstacle is not null))
        {
            json.WriteStartObject();
            json.WriteString("file", file.File.File.Path);
            json.WriteString("obstacle", file.Obstacle);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        if (imported is not null) json.WriteNumber("importedAgain", imported.Books.Loaded);
    }
}
