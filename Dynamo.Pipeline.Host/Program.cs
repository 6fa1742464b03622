using Dynamo.Pipeline.Host;

// Asked by scripts, and by people who want to know whether it is there: at once, without the parser.
if (args is ["--version"])
{
    Console.Out.WriteLine(ProgramVersion.Text);
    return 0;
}
if (args is [FileFeed.Word, ..])
{
    FileFeed.Run(args[1..], Console.Out);
    return 0;
}
Cultures.Choose(args);
if (WindowsService.IsThis) return WindowsService.Run(args);
return (int)await DynamoHost.MainAsync(args);
