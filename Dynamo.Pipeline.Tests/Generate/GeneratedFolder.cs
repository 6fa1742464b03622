using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Dynamo.Pipeline.Host;

namespace Dynamo.Pipeline.Tests;

/// <summary>A fresh folder with generated files, removed afterwards, and an independent way to look at it.</summary>
internal sealed class GeneratedFolder : IDisposable
{
    public GeneratedFolder(GenerateOptions options)
    {
        Options = options with { To = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"dynamo-generate-{Guid.NewGuid():N}") };
        Files = new LoggerFiles(Options);
        Result = Files.Write();
    }

    public GenerateOptions Options { get; }

    public LoggerFiles Files { get; }

    public GenerateResult Result { get; }

    public string Path => Options.To;

    public byte[] Bytes(string file) => File.ReadAllBytes(System.IO.Path.Combine(Path, file));

    public string Text(string file) => Encoding.UTF8.GetString(Bytes(file));

    public string[] Names() =>
        [.. Directory.EnumerateFiles(Path, "*", SearchOption.AllDirectories)
            .Select(file => System.IO.Path.GetRelativePath(Path, file).Replace('\\', '/')).Order(StringComparer.Ordinal)];

    /// <summary>SHA-256 over names, times and bytes.</summary>
    public string Fingerprint()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string name in Names())
        {
            DateTime time = File.GetLastWriteTimeUtc(System.IO.Path.Combine(Path, name));
            hash.AppendData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{name} {time:O}\n")));
            hash.AppendData(Bytes(name));
        }
        return System.Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>A good file's rows, by the plainest parser there is.</summary>
    public static IEnumerable<Reading> Parse(string text)
    {
        string[] lines = text.Split('\n');
        Assert.That(lines[0], Is.EqualTo("logger,channel,timestamp,value"));
        Assert.That(lines[^1], Is.Empty, "the last line ends");
        foreach (string line in lines[1..^1])
        {
            string[] fields = line.Split(',');
            Assert.That(fields, Has.Length.EqualTo(4), line);
            yield return new Reading(fields[0], fields[1],
                DateTimeOffset.ParseExact(fields[2], "yyyy-MM-ddTHH:mm:ssK", CultureInfo.InvariantCulture).UtcDateTime,
                double.Parse(fields[3], CultureInfo.InvariantCulture));
        }
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
