using System.Text;
using FsCheck;
using FsCheck.Fluent;

namespace Dynamo.Pipeline.Tests;

public sealed class FolderNamesTests
{
    private static readonly DateTime Yesterday = new DateTime(2026, 1, 1, 12, 0, 0, DateTimeKind.Utc).AddTicks(1234567);

    [Test]
    public void A_second_version_is_named_by_its_time()
    {
        string plain = Path.Join("sub.d", "a.b.csv");

        Assert.That(FileNames.WithTime(plain, Yesterday, 1), Is.EqualTo(Path.Join("sub.d", "a.b.20260101T120000.1234567Z.csv")));
        Assert.That(FileNames.WithTime(plain, Yesterday, 2), Is.EqualTo(Path.Join("sub.d", "a.b.20260101T120000.1234567Z-2.csv")));
    }

    [Test]
    public void No_derived_name_is_longer_than_a_file_system_takes()
    {
        var names = Gen.Elements("a", "ü", "水", "🚰", ".").NonEmptyListOf().Select(parts => string.Concat(parts)).Zip(Gen.Choose(1, 255))
            .Select(pair => Fill(pair.Item1, pair.Item2)).ToArbitrary();

        Prop.ForAll(
            names,
            name => new[] { FileNames.Append(name, ".reason.json"), FileNames.WithTime(name, Yesterday, 12) }
            .All(derived => derived != name && Encoding.UTF8.GetByteCount(derived) <= 255)).QuickCheckThrowOnFailure();
    }

    [Test]
    public void Long_names_that_begin_alike_stay_apart()
    {
        string stem = new('x', 254);

        Assert.That(FileNames.Append(stem + "a", ".reason.json"), Is.Not.EqualTo(FileNames.Append(stem + "b", ".reason.json")));
    }

    /// <summary>The part again and again, up to so many bytes.</summary>
    private static string Fill(string part, int bytes)
    {
        var name = new StringBuilder("n");
        while (Encoding.UTF8.GetByteCount(name.ToString()) + Encoding.UTF8.GetByteCount(part) <= bytes) name.Append(part);
        return name.ToString();
    }
}
