// The model of the chat, from any provider whose API is compatible with OpenAI's: a gateway, a vendor, or Ollama on your machine.
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import type { LanguageModel } from 'ai';

/** What an app without a model answers. */
export const NO_MODEL = 'This app has no chat: set AI_BASE_URL and AI_MODEL, and AI_API_KEY if the provider needs a key';

/** Returns the model that the environment names, or null. */
export function model(): LanguageModel | null {
  const { AI_BASE_URL: baseURL, AI_MODEL: name, AI_API_KEY: apiKey } = process.env;
  return baseURL && name ? createOpenAICompatible({ name: 'provider', baseURL, ...(apiKey && { apiKey }) })(name) : null;
}
