using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;

/// <summary>
/// What a package holds beside its assembly, made when it is packed: a readme whose links work outside of the repository, the changes of
/// this version, and the documentation of what is public. MSBuild compiles this file itself.
/// </summary>
public class PackageFiles : Task
{
    private static readonly Regex s_link = new Regex(@"(?<image>!?)\[(?<text>[^\]]*)\]\((?<target>[^)\s]+)\)");
    private static readonly Regex s_generic = new Regex(@"<[^<>]*>|`+\d+");

    /// <summary>The readme of the repository.</summary>
    [Required]
    public string Readme { get; set; }

    /// <summary>Where the readme of the package is written.</summary>
    [Required]
    public string PackageReadme { get; set; }

    /// <summary>The address of the repository, and of a file in it at this version.</summary>
    [Required]
    public string Files { get; set; }

    /// <summary>The same of a file's bytes.</summary>
    [Required]
    public string RawFiles { get; set; }

    [Required]
    public string Changes { get; set; }

    /// <summary>The compiler's documentation file, which is rewritten; none: nothing is.</summary>
    public string Documentation { get; set; }

    /// <summary>The files that list what is public.</summary>
    public string[] PublicApi { get; set; } = Array.Empty<string>();

    /// <summary>The first section of the changes.</summary>
    [Output]
    public string ReleaseNotes { get; set; }

    public override bool Execute()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(PackageReadme));
        File.WriteAllText(PackageReadme, s_link.Replace(File.ReadAllText(Readme), Outside));
        string[] sections = Regex.Split(File.ReadAllText(Changes), @"^## .*\r?\n", RegexOptions.Multiline);
        ReleaseNotes = sections.Length > 1 ? sections[1].Trim() : "";
        if (!string.IsNullOrEmpty(Documentation) && File.Exists(Documentation)) KeepPublic();
        return !Log.HasLoggedErrors;
    }

    private string Outside(Match link)
    {
        string target = link.Groups["target"].Value;
        if (target.Contains("://") || target.StartsWith("#")) return link.Value;
        string outside = link.Groups["image"].Value == "!" ? RawFiles : Files;
        return $"{link.Groups["image"].Value}[{link.Groups["text"].Value}]({outside}/{target})";
    }

    private void KeepPublic()
    {
        var known = new HashSet<string>(PublicApi.Where(IsList).SelectMany(File.ReadLines).Select(Key));
        XDocument document = XDocument.Load(Documentation);
        foreach (XElement member in document.Descendants("member").ToArray())
            if (!known.Contains(DocumentedKey((string)member.Attribute("name")))) member.Remove();
        document.Save(Documentation);
    }

    private static bool IsList(string file) => Path.GetFileName(file).StartsWith("PublicAPI.", StringComparison.Ordinal);

    /// <summary>A line of the list: <c>static N.T&lt;R&gt;.Member(int a) -> void</c> as <c>N.T.Member 1</c>.</summary>
    private static string Key(string line)
    {
        line = Regex.Replace(line, @"^(\*REMOVED\*|~|(static|const|abstract|virtual|override|readonly|implicit|explicit|operator) )+", "");
        line = Regex.Replace(line, @" -> [^>]*(?:<.*)?$", "");
        line = Regex.Replace(line, @"^([^(]*?) = .*", "$1");
        (string name, string parameters) = Split(line);
        name = Regex.Replace(WithoutGenerics(name), @"\.(get|set|init|add|remove)$", "");
        string[] parts = name.Split('.');
        // A constructor has the name of its type.
        if (parameters != null && parts.Length > 1 && parts[parts.Length - 1] == parts[parts.Length - 2]) parts[parts.Length - 1] = "#ctor";
        return $"{string.Join(".", parts)} {Count(parameters)}";
    }

    /// <summary>An identifier of the compiler: <c>M:N.T`1.Member``1(System.Int32)</c> as <c>N.T.Member 1</c>.</summary>
    private static string DocumentedKey(string identifier)
    {
        (string name, string parameters) = Split(identifier.Substring(2));
        if (identifier[0] == 'M' && parameters == null) parameters = "";
        return $"{WithoutGenerics(name)} {Count(parameters)}";
    }

    private static (string Name, string Parameters) Split(string text)
    {
        int open = text.IndexOf('(');
        return open < 0 ? (text, null) : (text.Substring(0, open), text.Substring(open + 1, text.LastIndexOf(')') - open - 1));
    }

    private static string WithoutGenerics(string name)
    {
        for (string shorter; (shorter = s_generic.Replace(name, "")) != name;) name = shorter;
        return name;
    }

    /// <summary>How many parameters; -1 for what takes none and has no parentheses.</summary>
    private static int Count(string parameters)
    {
        if (parameters == null) return -1;
        int depth = 0;
        return parameters.Trim().Length == 0 ? 0 : 1 + parameters.Count(c =>
        {
            if ("<{([".Contains(c)) depth++;
            if (">})]".Contains(c)) depth--;
            return c == ',' && depth == 0;
        });
    }
}
