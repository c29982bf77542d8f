"""The winner as a folder to share: adapter or merged model, and a model card."""

from autopeft.export.folder import Exported, export

__all__ = ["Exported", "export"]
