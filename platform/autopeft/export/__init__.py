"""What a search found, as a folder to share: adapter, merged model, or the best parameters."""

from autopeft.export.by_task import Exported, export

__all__ = ["Exported", "export"]
