using System.Globalization;
using System.Text.Json;
using Dynamo.Pipeline.Folder;

namespace Dynamo.Pipeline.Host;

/// <summary>The folder of a sweep, with its raw data and everything that is made from them.</summary>
internal sealed class TuneFolder
{
    private readonly string _folder;

    /// <exception cref="SinkException">The folder cannot be created.</exception>
    public TuneFolder(string folder)
    {
        _folder = folder;
        Try(() => Directory.CreateDirectory(folder));
    }

    public string Report => Path.Combine(_folder, "report.html");

    public string Settings => Path.Combine(_folder, "settings.json");

    public string Data => Path.Combine(_folder, "measurements.csv");

    /// <exception cref="SinkException">The file cannot be opened, or holds something else.</exception>
    public Measurements OpenMeasurements()
    {
        Measurements? measurements = null;
        Try(() => measurements = Measurements.Open(Data));
        return measurements!;
    }

    /// <summary>A database for one run of the whole pipeline, in this folder, deleted after the run.</summary>
    public IBatchSink<Reading> NewDatabase(HostSettings settings) =>
        new TemporaryDatabase(PathOf($"temporary-{Guid.NewGuid():N}.db"), settings);

    /// <exception cref="SinkException">The files cannot be written.</exception>
    public void Write(TuningResult result, HostSettings settings) => Try(() =>
    {
        string recommended = TuneJson.Settings(result);
        OwnFile.Write(Settings, recommended + "\n");
        OwnFile.Write(Report, new TuningReport(result, settings.ShownSource, recommended).ToString());
        foreach (Timeline timeline in result.Timelines)
        {
            using var trace = new NewFile(PathOf($"chunk-{timeline.FilesPerMessage}.trace.json"));
            ChromeTrace.Write(trace.Stream, timeline.Trace);
            trace.Complete();
        }
    });

    private string PathOf(FormattableString name) => Path.Combine(_folder, name.ToString(CultureInfo.InvariantCulture));

    private void Try(Action action)
    {
        try
        {
            action();
        }
        catch (InvalidDataException error)
        {
            throw new SinkException(error.Message, error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new SinkException($"The folder {Shown.Path(_folder)} cannot be written: {error.Message}", error);
        }
    }
}
