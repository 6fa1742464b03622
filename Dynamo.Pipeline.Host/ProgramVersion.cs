using System.CommandLine;
using System.CommandLine.Invocation;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Dynamo.Pipeline.Host;

/// <summary><c>dynamo --version</c>: what a report of a fault should begin with.</summary>
internal sealed class ProgramVersion : SynchronousCommandLineAction
{
    /// <summary><c>0.1.0 (commit 1a2b3c4d5e, .NET 10.0.4, native, linux-x64)</c></summary>
    public static string Text
    {
        get
        {
            string version = typeof(ProgramVersion).Assembly
                .GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;
            int plus = version.IndexOf('+', StringComparison.Ordinal);
            string commit = plus < 0 ? "unknown" : version[(plus + 1)..][..Math.Min(10, version.Length - plus - 1)];
            string compiled = RuntimeFeature.IsDynamicCodeSupported ? "portable" : "native";
            return $"{(plus < 0 ? version : version[..plus])} (commit {commit}, .NET {Environment.Version}, {compiled}, "
                + $"{RuntimeInformation.RuntimeIdentifier})";
        }
    }

    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        parseResult.InvocationConfiguration.Output.WriteLine(Text);
        return (int)ExitCode.Ok;
    }
}
