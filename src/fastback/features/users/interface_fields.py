"""Fields of a user's settings that belong to the panel "Interface", which a permission can close."""

from __future__ import annotations

INTERFACE_FIELDS = frozenset(
    """autoTags autoFollowUps highContrastMode detectArtifacts responseAutoCopy showUsername showUpdateToast showChangelog
    showEmojiInCall voiceInterruption displayMultiModelResponsesInTabs chatFadeStreamingText richTextInput
    showFormattingToolbar insertPromptAsRichText promptAutocomplete insertSuggestionPrompt keepFollowUpPrompts
    insertFollowUpPrompt regenerateMenu enableMessageQueue largeTextAsFile copyFormatted collapseCodeBlocks
    renderMarkdownInUserMessages renderMarkdownInAssistantMessages expandDetails chatHoverPreview
    renderMarkdownInPreviews chatBubble widescreenMode splitLargeChunks scrollOnBranchChange
    scrollOnResponseGeneration showFilesOnTerminalSelect temporaryChatByDefault userLocation showChatTitleInTab
    iframeSandboxAllowScripts iframeSandboxAllowSameOrigin iframeSandboxAllowForms iframeSandboxAllowDownloads
    terminalPreviewAllowSameOrigin stylizedPdfExport hapticFeedback ctrlEnterToSend showFloatingActionButtons
    imageCompression imageCompressionInChannels landingPageMode chatDirection terminalFileDisplay defaultUploadContext
    webSearch models backgroundImageUrl fontFamily textScale title imageCompressionSize
    floatingActionButtons""".split()
)
