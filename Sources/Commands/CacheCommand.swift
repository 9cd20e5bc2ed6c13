enum CacheCommand { static func run(_ parsed: ParsedArguments) throws(CommandFailure) {} }
