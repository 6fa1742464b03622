namespace Dynamo.Pipeline;

/// <summary>The kinds of places where a field may be.</summary>
public enum FieldSourceKind
{
    /// <summary>In a column.</summary>
    Column,

    /// <summary>The file's name without folders and without its last extension.</summary>
    FileName,

    /// <summary>The same for every file.</summary>
    Constant,

    /// <summary>In the file's path.</summary>
    PathPattern,

    /// <summary>After a label above the table.</summary>
    Preamble,

    /// <summary>In a line above the table.</summary>
    PreamblePattern,
}
