using System.Runtime.CompilerServices;

namespace Dynamo.Pipeline;

/// <summary>
/// How messages call an option: by its property, or as the program calls it that uses the library. Most messages with such a name are made
/// where no options are at hand, and some are stored with a file's verdict; so it is the program's choice, made once.
/// </summary>
internal static class OptionName
{
    private static Func<string, string?>? s_names;

    /// <summary>
    /// Says how a program's users know options, such as <c>chunk</c> for <c>PipelineOptions.FilesPerMessage</c>;
    /// <see langword="null"/>: by the property. Called by a program before anything else, never by a library or a test.
    /// </summary>
    public static void Use(Func<string, string?> names) => s_names = names;

    /// <param name="property"><c>nameof(PipelineOptions.MaxUnpacked)</c>: the type is taken from the expression.</param>
    /// <param name="expression">Leave it to the compiler.</param>
    public static string Of(string property, [CallerArgumentExpression(nameof(property))] string expression = "") =>
        s_names?.Invoke(expression["nameof(".Length..^1]) ?? property;

    /// <param name="option">The type and the property, where the type must not be used; <c>Format.Gap</c> is one of the format.</param>
    public static string Named(string option) => s_names?.Invoke(option) ?? option[(option.IndexOf('.', StringComparison.Ordinal) + 1)..];
}
