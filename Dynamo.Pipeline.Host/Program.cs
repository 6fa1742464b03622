using Dynamo.Pipeline.Host;

return (int)await DynamoHost.MainAsync(args);
