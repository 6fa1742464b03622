using Dynamo.Pipeline.Host;

if (args is [FileFeed.Word, ..])
{
    FileFeed.Run(args[1..], Console.Out);
    return 0;
}
Cultures.Choose(args);
if (WindowsService.IsThis) return WindowsService.Run(args);
return (int)await DynamoHost.MainAsync(args);
