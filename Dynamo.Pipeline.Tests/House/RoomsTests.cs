using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Dynamo.Pipeline.Tests;

/// <summary>
/// The rooms of the library's core, a folder each, and which of them may name which. What lies between the projects is the
/// compiler's to check; what lies
/// inside the core is checked here.
/// </summary>
[TestFixture]
internal sealed class RoomsTests
{
    /// <summary>The door: the files at the top of the core. It names every room, and only Run and Live name it.</summary>
    private const string Door = "";

    private static readonly Dictionary<string, string[]> s_mayName = new()
    {
        [Door] = ["Contracts", "Run", "Live", "Files", "Folder", "Csv", "Readings", "Ledger", "Telemetry"],
        ["Contracts"] = [],
        ["Analysis"] = ["Contracts", "Readings"],
        ["Files"] = ["Contracts"],
        ["Ledger"] = ["Contracts", "Files"],
        ["Folder"] = ["Contracts", "Files", "Ledger"],
        ["Csv"] = ["Contracts"],
        ["Readings"] = ["Contracts", "Csv"],
        ["Telemetry"] = ["Contracts"],
        ["Unpack"] = ["Contracts", "Files"],
        ["Run"] = ["Contracts", "Telemetry", "Unpack", Door],
        ["Live"] = ["Contracts", "Run", "Telemetry", Door],
    };

    private static readonly string s_core = Path.Join(Repository.Root, "Dynamo.Pipeline", "Core");

    [Test]
    public void A_room_names_only_the_rooms_below_it() => Assert.That(Offences(Sources(), [.. Sources()]), Is.Empty);

    [Test]
    public void Every_folder_is_a_room_with_its_rule() =>
        Assert.That(Sources().Select(source => RoomOf(source.Path)).Distinct(), Is.EquivalentTo(s_mayName.Keys));

    [Test]
    public void A_forbidden_name_is_found_with_both_its_lines()
    {
        (string, string) intruder = (Path.Join(s_core, "Run", "Intruder.cs"), """
            using Dynamo.Pipeline.Folder;

            namespace Dynamo.Pipeline.Run;

            internal sealed class Intruder
            {
                public FolderMove? Move { get; }
            }
            """);

        int declared = Array.FindIndex(
            File.ReadAllLines(Path.Join(s_core, "Folder", "FolderMove.cs")), line => line.Contains("class FolderMove"));
        Assert.That(Offences([.. Sources(), intruder], intruder), Is.EquivalentTo(new[]
        {
            "Run/Intruder.cs(1): Run may not name Folder: using Dynamo.Pipeline.Folder;",
            "Run/Intruder.cs(7): Run may not name Folder: public FolderMove? Move { get; } "
                + $"(FolderMove is declared in Folder/FolderMove.cs({declared + 1}))",
        }));
    }

    private static IReadOnlyList<(string Path, string Text)> Sources() =>
    [
        .. Directory.EnumerateFiles(s_core, "*.cs", SearchOption.AllDirectories)
            .Where(path => !Path.GetRelativePath(s_core, path).StartsWith("obj", StringComparison.Ordinal)
                && !Path.GetRelativePath(s_core, path).StartsWith("bin", StringComparison.Ordinal))
            .Select(path => (path, File.ReadAllText(path))),
    ];

    /// <summary>Every place in some of the sources that names a room it may not name.</summary>
    private static List<string> Offences(IReadOnlyList<(string Path, string Text)> sources, params (string Path, string Text)[] looked)
    {
        var options = new CSharpParseOptions(LanguageVersion.Preview);
        SyntaxTree[] trees = [.. sources.Select(source => CSharpSyntaxTree.ParseText(source.Text, options, source.Path))];
        // What is generated, and packages that are not loaded, are missing: names of our own are found all the same.
        var compilation = CSharpCompilation.Create("core", trees,
            ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
                .Where(path => !Path.GetFileName(path).StartsWith("Dynamo.Pipeline", StringComparison.Ordinal))
                .Select(path => MetadataReference.CreateFromFile(path)));
        var found = new List<string>();
        foreach (SyntaxTree tree in trees.Where(tree => looked.Any(source => source.Path == tree.FilePath)))
        {
            string room = RoomOf(tree.FilePath);
            SemanticModel model = compilation.GetSemanticModel(tree);
            SyntaxNode root = tree.GetRoot();
            foreach (UsingDirectiveSyntax directive in root.DescendantNodes().OfType<UsingDirectiveSyntax>())
            {
                string name = directive.Name?.ToString() ?? "";
                if (s_mayName.Keys.FirstOrDefault(other => name == $"Dynamo.Pipeline.{other}") is { } named && !MayName(room, named))
                    found.Add($"{At(directive.GetLocation())}: {room} may not name {named}: {LineOf(directive)}");
            }
            foreach (SimpleNameSyntax name in root.DescendantNodes().OfType<SimpleNameSyntax>())
            {
                if (name.FirstAncestorOrSelf<UsingDirectiveSyntax>() is not null
                    || model.GetSymbolInfo(name).Symbol is not INamedTypeSymbol type)
                    continue;
                ImmutableArray<SyntaxReference> declared = type.OriginalDefinition.DeclaringSyntaxReferences;
                if (declared.IsEmpty || declared.Any(place => MayName(room, RoomOf(place.SyntaxTree.FilePath)))) continue;
                found.Add($"{At(name.GetLocation())}: {room} may not name {RoomOf(declared[0].SyntaxTree.FilePath)}: {LineOf(name)} "
                    + $"({type.Name} is declared in {At(Location.Create(declared[0].SyntaxTree, declared[0].Span))})");
            }
        }
        return found;
    }

    private static bool MayName(string room, string other) => room == other || s_mayName[room].Contains(other);

    private static string RoomOf(string path) =>
        Path.GetDirectoryName(Path.GetRelativePath(s_core, path))!.Split(Path.DirectorySeparatorChar)[0];

    private static string At(Location location)
    {
        string file = Path.GetRelativePath(s_core, location.SourceTree!.FilePath).Replace(Path.DirectorySeparatorChar, '/');
        return $"{file}({location.GetLineSpan().StartLinePosition.Line + 1})";
    }

    private static string LineOf(SyntaxNode node) =>
        node.SyntaxTree.GetText().Lines[node.GetLocation().GetLineSpan().StartLinePosition.Line].ToString().Trim();
}
