using Dynamo.Pipeline.Host;

Cultures.Choose(args);
NativeHeap.Share();
return (int)await DynamoHost.MainAsync(args);
