using System.Text.Json;
using System.Xml.Linq;

namespace Dynamo.Pipeline.Tests;

/// <summary>What others wrote and we hand on: every package, under a licence that allows it.</summary>
[TestFixture]
internal sealed class NoticeTests
{
    /// <summary>They take part in a build and are not in what it makes, but for the runtime, which has its own line.</summary>
    private static readonly string[] s_ofTheBuild = ["Microsoft.NET.ILLink.Tasks", "Microsoft.DotNet.ILCompiler", "Dapper.AOT"];

    private static readonly string[] s_allowed = [
        "MIT", "Apache-2.0", "BSD-3-Clause", "MS-PL OR Apache-2.0", "Apache-2.0 OR MPL-2.0",
        // SQLite and its build, and the part of SqlClient that only Windows has; both may be handed on with a program.
        "public domain", "Microsoft Software License"];

    private static readonly Dictionary<string, string> s_licenceFiles = new()
    {
        ["SourceGear.sqlite3"] = "public domain",
        ["Microsoft.Data.SqlClient.SNI.runtime"] = "Microsoft Software License",
    };

    [Test]
    public void The_notice_names_every_package_of_the_program_with_its_version_and_licence()
    {
        string[] noted = [.. Repository.Read("NOTICE").Split('\n').Where(line => line.StartsWith("    ", StringComparison.Ordinal))];

        Assert.That(noted, Is.EqualTo(Packages().Select(package => package.Line)));
    }

    [Test]
    public void Every_licence_allows_to_hand_the_package_on() =>
        Assert.That(Packages().Select(package => package.Licence).Distinct(), Is.SubsetOf(s_allowed));

    /// <summary>What restore resolved for the program, and so for the four packages.</summary>
    private static IEnumerable<(string Line, string Licence)> Packages()
    {
        using JsonDocument assets = JsonDocument.Parse(Repository.Read("Dynamo.Pipeline.Host/obj/project.assets.json"));
        string[] folders = [.. assets.RootElement.GetProperty("packageFolders").EnumerateObject().Select(folder => folder.Name)];
        string[] names = [.. assets.RootElement.GetProperty("libraries").EnumerateObject()
            .Where(library => library.Value.GetProperty("type").GetString() == "package").Select(library => library.Name)
            .Where(name => !s_ofTheBuild.Any(one => name.Contains(one, StringComparison.OrdinalIgnoreCase)))
            .OrderBy(name => name.Split('/')[0], StringComparer.OrdinalIgnoreCase)];
        foreach (string name in names)
        {
            string[] parts = name.Split('/');
            string nuspec = folders.Select(folder => Path.Join(folder, name.ToLowerInvariant(), parts[0].ToLowerInvariant() + ".nuspec"))
                .First(File.Exists);
            XElement metadata = XDocument.Load(nuspec).Root!.Elements().First(element => element.Name.LocalName == "metadata");
            XElement? licence = metadata.Elements().FirstOrDefault(element => element.Name.LocalName == "license");
            string words = licence?.Attribute("type")?.Value == "expression"
                ? licence.Value
                : s_licenceFiles.GetValueOrDefault(parts[0], "unknown");
            string authors = metadata.Elements().First(element => element.Name.LocalName == "authors").Value;
            yield return ($"    {parts[0]} {parts[1]}: {words}, by {authors}", words);
        }
    }
}
