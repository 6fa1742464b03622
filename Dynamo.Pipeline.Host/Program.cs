using Dynamo.Pipeline.Host;

Cultures.Choose(args);
return (int)await DynamoHost.MainAsync(args);
